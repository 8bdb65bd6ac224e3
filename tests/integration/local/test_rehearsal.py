"""The rehearsal that makes Kafka's later starts quick."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from localstack.guardian import Guardian
from localstack.jars import cache_folder
from localstack.java import Java
from localstack.kafka import Kafka
from localstack.kafka_archive import GIVE_UP_SECONDS, Rehearsal, with_archive
from localstack.ports import free_port
from localstack.stack import prepare_java

TIMEOUT_SECONDS = 200.0


@pytest.fixture
def guardian() -> Iterator[Guardian]:
    """Ends what a test leaves."""
    guardian = Guardian()
    yield guardian
    guardian.close()


@pytest.fixture
def java() -> Java:
    """With the jars, without an archive."""
    return Java(prepare_java(cache_folder(os.environ, Path.home())).jars)


def test_a_rehearsal_leaves_an_archive_that_a_broker_starts_from(
    tmp_path: Path, guardian: Guardian, java: Java
) -> None:
    """And nothing else."""
    assert with_archive(java, tmp_path) == java
    rehearsal = Rehearsal(tmp_path / "rehearsal", tmp_path, java, guardian)
    rehearsal.start()
    rehearsal.wait(TIMEOUT_SECONDS)
    quick = with_archive(java, tmp_path)
    assert [quick.archive] == list(tmp_path.iterdir())
    kafka = Kafka(tmp_path / "kafka", free_port(), tmp_path / "log", guardian, quick)
    kafka.start()
    kafka.stop()
    assert "[aot]" not in (tmp_path / "log").read_text()


def test_a_rehearsal_given_up_ends_at_once(tmp_path: Path, guardian: Guardian, java: Java) -> None:
    """Ctrl-C does not wait for it, and finds no half of an archive."""
    rehearsal = Rehearsal(tmp_path / "rehearsal", tmp_path, java, guardian)
    rehearsal.start()
    start = time.monotonic()
    rehearsal.give_up()
    assert time.monotonic() - start < GIVE_UP_SECONDS + 1
    assert with_archive(java, tmp_path) == java
