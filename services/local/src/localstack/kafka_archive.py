"""Halves Kafka's start: a rehearsal, a second broker in its own folder, leaves its loaded and linked classes in an archive.

It takes some 15 s of a core, once a machine and Java runtime, so it runs beside the first real one, at a low priority.
"""

import contextlib
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

from localstack.child import StartError
from localstack.guardian import Guardian
from localstack.jars import KAFKA_VERSION
from localstack.java import Java, runtime_key
from localstack.kafka import Kafka
from localstack.ports import free_port

GIVE_UP_SECONDS = 3.0


def with_archive(java: Java, cache: Path) -> Java:
    """``java`` with the archive of an earlier rehearsal, if there is one for this runtime."""
    archive = _archive_path(cache)
    return replace(java, archive=archive) if archive.exists() else java


class Rehearsal:
    """Makes the archive in a thread; when it can't be made, nothing is lost but time at the next start."""

    def __init__(self, folder: Path, cache: Path, java: Java, guardian: Guardian) -> None:
        """``folder``: for its data, which does not stay."""
        self._folder = folder
        self._cache = cache
        self._output = folder / "archive"
        recording = replace(java, archive_output=self._output)
        self._kafka = Kafka(folder / "kafka", free_port(), folder / "log", guardian, recording)
        self._guardian = guardian
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Returns at once."""
        self._thread.start()

    def wait(self, timeout_seconds: float) -> None:
        """Returns when it is over, or the time."""
        self._thread.join(timeout_seconds)

    def give_up(self) -> None:
        """Ends it where it is."""
        self._guardian.closing.set()
        self._kafka.kill()
        self._thread.join(GIVE_UP_SECONDS)

    def _run(self) -> None:
        # What a killed one left is of no use.
        shutil.rmtree(self._folder, ignore_errors=True)
        with contextlib.suppress(StartError, OSError):
            self._kafka.start()
            # The archive is written at the end, and only when that is an orderly one.
            self._kafka.stop()
            self._keep()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _keep(self) -> None:
        """In one step, so that a start at the same time finds a whole archive, or none."""
        if self._output.exists():
            whole = self._cache / f".{os.getpid()}.aot"
            shutil.move(self._output, whole)
            whole.replace(_archive_path(self._cache))


def _archive_path(cache: Path) -> Path:
    return cache / f"kafka-{KAFKA_VERSION}-{runtime_key()}.aot"
