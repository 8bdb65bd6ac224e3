"""What belongs to the writer is touched in its thread alone."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, cast

import pytest

from consumer import worker
from consumer.batch import Batch
from consumer.metrics import WorkerMetrics
from consumer.report import WorkerReport
from consumer.settings import ConsumerSettings
from consumer.source import Source
from consumer.store import Written
from consumer.worker import Worker
from consumer.writer import Writer


class SlowWriter:
    """Writes until it is told to go on; notes which thread did what, in order."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.steps: list[tuple[str, str]] = []

    def write(self, _batch: object) -> list[Written]:
        """Part of its state is in use until ``may_end``."""
        self.begun.set()
        self.may_end.wait(30)
        self._note("wrote")
        return []

    def release(self, _partitions: object) -> None:
        """Changes that state."""
        self._note("released")

    def _note(self, step: str) -> None:
        self.steps.append((step, threading.current_thread().name))


@pytest.fixture
def revoked(monkeypatch: pytest.MonkeyPatch) -> Callable[[Worker], None]:
    """Takes partition 0 away, as Kafka's client does from within a poll; it waits for the batch in vain."""
    monkeypatch.setattr(worker, "_REVOKE_WAIT_SECONDS", 0.01)
    return lambda revoking: revoking._on_revoked([0])


@pytest.mark.parametrize("waited_for", [False, True], ids=["while records are read", "while the batch is waited for"])
def test_a_partition_that_is_lost_in_the_middle_of_a_write(revoked: Callable[[Worker], None], waited_for: bool) -> None:
    """The writer lets go of it after the batch, in its own thread; before, the totals changed while they were being written."""
    writer = SlowWriter()
    subject = Worker(
        settings=cast("ConsumerSettings", None),
        make_source=lambda _revoked: cast("Source", None),
        writer=cast("Writer", writer),
        metrics=cast("WorkerMetrics", None),
        stopping=threading.Event(),
        beat=lambda: None,
        report=WorkerReport(),
    )
    writing: Future[Any] = subject._thread.submit(writer.write, cast("Batch", None))
    subject._writing = None if waited_for else writing
    writer.begun.wait(30)

    revoked(subject)
    writer.may_end.set()
    subject._thread.shutdown()

    assert [step for step, _ in writer.steps] == ["wrote", "released"]
    assert {thread for _, thread in writer.steps} == {"writer_0"}
