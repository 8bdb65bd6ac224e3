"""A service of ours as real processes, on a free port; it can be stopped, killed and started again."""

import os
import signal
import sys
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path

import psutil

from localstack.child import Child, Program
from localstack.guardian import Guardian
from localstack.ports import HOST
from localstack.server import Server
from testbed import http

COMMANDS = {
    "ingest": ("gunicorn", "--config", "python:ingest.gunicorn_conf", "ingest.asgi:app"),
    "analytics": ("gunicorn", "--config", "python:analytics.gunicorn_conf", "analytics.asgi:app"),
    "consumer": ("consumer.pool",),
}
READY = "/healthz/ready"


class Service(Server):
    """``folder`` is its working folder; ``ready_path`` answers 200 once it has started."""

    start_timeout_seconds = 90.0

    def __init__(
        self,
        kind: str,
        folder: Path,
        port: int,
        environment: Mapping[str, str],
        guardian: Guardian,
        ready_path: str = READY,
    ) -> None:
        super().__init__(kind, folder, port, folder / f"{kind}-{port}.log", guardian)
        self._environment = {**environment, "PORT": str(port), "LISTEN_ADDRESS": HOST}
        self._ready_path = ready_path
        self._orphaned: list[Child] = []

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://{HOST}:{self.port}"

    def get(self, path: str) -> http.Answer:
        """One GET over a connection of its own."""
        return http.get(self.url, path)

    def is_healthy(self, path: str = READY) -> bool:
        """Whether ``path`` answers 200; False where nothing answers."""
        try:
            return self.get(path).status == 200
        except (OSError, HTTPException):
            return False

    def log_text(self) -> str:
        """All that it logged."""
        return self.log.read_text()

    def workers(self) -> list[psutil.Process]:
        """The worker processes: the children that are not Python's own."""
        children = [child for child in psutil.Process(self.child.pid).children() if not _has_ended(child)]
        return [child for child in children if "resource_tracker" not in " ".join(child.cmdline())]

    def kill_worker(self) -> int:
        """SIGKILL to one worker alone; returns its pid."""
        worker = self.workers()[0]
        worker.kill()
        return worker.pid

    def kill_parent(self) -> None:
        """SIGKILL to the parent alone: its workers have to notice by themselves."""
        os.kill(self.child.pid, signal.SIGKILL)
        self._orphaned.append(self.child)

    def stop(self) -> None:
        """Ends it in order, and what is left of those whose parent was killed."""
        super().stop()
        while self._orphaned:
            self._orphaned.pop().kill()

    def _program(self) -> Program:
        command = (sys.executable, "-m", *COMMANDS[self.name])
        return Program(self.name, command, self.log, self.folder, self._environment, stage=1, stop_timeout_seconds=40.0)

    def _answers(self) -> bool:
        return self.is_healthy(self._ready_path)


def _has_ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
