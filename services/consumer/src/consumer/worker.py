"""A worker process: Kafka and decoding in this thread, PostgreSQL and Redis in another, one batch ahead of it."""

import contextlib
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from datetime import UTC, datetime

import structlog

from consumer.batch import Batch, BatchBuilder, Receipt
from consumer.metrics import WorkerMetrics
from consumer.report import WorkerReport
from consumer.settings import ConsumerSettings
from consumer.source import Source
from consumer.store import LedgerMoved, Written
from consumer.writer import Stopped, Writer

# Kafka takes partitions away from a member that does not ask for records; a batch that takes longer than this to write
# is waited for with the partitions paused.
_PATIENCE_SECONDS = 5.0
_POLL_PAUSED_SECONDS = 0.2
# Records in one call: a call holds the interpreter while it makes their objects.
_CHUNK_RECORDS = 2_000
_REVOKE_WAIT_SECONDS = 10.0
_log = structlog.get_logger()


class Worker:
    """Runs until ``stop``. ``beat`` is called at each step: whoever watches knows that it moves."""

    def __init__(
        self,
        settings: ConsumerSettings,
        make_source: Callable[[Callable[[list[int]], None]], Source],
        writer: Writer,
        metrics: WorkerMetrics,
        stopping: threading.Event,
        beat: Callable[[], None],
        report: WorkerReport,
    ) -> None:
        self._settings = settings
        self._source = make_source(self._on_revoked)
        self._writer = writer
        self._metrics = metrics
        self._stopping = stopping
        self._beat = beat
        self._report = report
        self._builder = BatchBuilder()
        self._thread = ThreadPoolExecutor(1, "writer")
        self._writing: Future[list[Written]] | None = None
        self._parent = os.getppid()

    def run(self) -> None:
        """Until stopped, or until the process that started this one is gone."""
        try:
            while not self._stopping.is_set() and os.getppid() == self._parent:
                self._step()
        except Stopped:
            pass
        finally:
            self._close()

    def _step(self) -> None:
        self._beat()
        self._report.assigned(self._source.assigned)
        self._place()
        self._fill()
        self._finish_writing()
        if self._builder:
            self._writing = self._thread.submit(self._timed_write, self._builder.take())
        else:
            self._thread.submit(self._writer.tend).result()
            self._metrics.maintained()

    def _place(self) -> None:
        if self._source.unplaced:
            self._finish_writing()
            self._builder.forget(self._source.unplaced)
            self._source.place(self._thread.submit(self._writer.place, self._source.unplaced).result())

    def _fill(self) -> None:
        """Collects records until the batch is full, or its time is over and the one before it is written."""
        deadline = time.monotonic() + self._settings.batch_ms / 1000
        today = datetime.now(UTC).date()
        receipt = Receipt.on(today)
        while len(self._builder) < self._settings.batch_rows and not self._stopping.is_set():
            left_seconds = deadline - time.monotonic()
            if left_seconds <= 0 and (self._writing is None or self._writing.done()):
                break
            records = self._source.poll(
                min(self._settings.batch_rows - len(self._builder), _CHUNK_RECORDS), max(min(left_seconds, 0.1), 0.005)
            )
            for expected, record in records:
                self._builder.add(expected, record, receipt)
            for gap in self._source.take_gaps():
                self._builder.skip(*gap)
            if self._source.unplaced:
                break

    def _timed_write(self, batch: Batch) -> list[Written]:
        started = time.monotonic()
        written = self._writer.write(batch)
        self._metrics.wrote(written, time.monotonic() - started)
        self._writer.tend()
        self._slow_down(len(batch.rows), started)
        return written

    def _slow_down(self, rows: int, started: float) -> None:
        if self._settings.rate_limit:
            due = started + rows / self._settings.rate_limit
            with self._report.while_writing():
                self._stopping.wait(max(0.0, due - time.monotonic()))

    def _finish_writing(self) -> None:
        """Waits for the batch that is being written, keeps the membership meanwhile, and commits its offsets."""
        writing, self._writing = self._writing, None
        if writing is None:
            return
        try:
            self._settle(self._wait_for(writing))
        finally:
            self._source.resume()

    def _wait_for(self, writing: Future[list[Written]]) -> list[Written]:
        patience_seconds = _PATIENCE_SECONDS
        while True:
            try:
                return writing.result(patience_seconds)
            except NotYet:
                if writing.done():
                    raise
                self._source.keep_membership(_POLL_PAUSED_SECONDS)
                patience_seconds = _POLL_PAUSED_SECONDS
            except LedgerMoved as moved:
                _log.warning("the ledger has moved on; asking it again", partitions=sorted(moved.partitions))
                self._restart_from_ledger()
                return []

    def _settle(self, written: list[Written]) -> None:
        for part in written:
            self._source.commit(part.next_offsets)
        self._metrics.maintained()

    def _restart_from_ledger(self) -> None:
        self._source.unplace(self._source.partitions)
        self._builder = BatchBuilder()

    def _on_revoked(self, partitions: list[int]) -> None:
        # What is being written of them may still be committed: let it, so that the next owner starts after it. It
        # need not be: a write that comes too late finds the ledger moved and changes nothing.
        if self._writing is not None and not self._stopping.is_set():
            try:
                self._settle(self._writing.result(_REVOKE_WAIT_SECONDS))
                self._writing = None
            except (NotYet, LedgerMoved, Stopped):
                pass
        self._builder.forget(partitions)
        # In the writer's thread, after what it may still be writing: nothing that it holds is changed under its hands.
        self._thread.submit(self._writer.release, partitions)

    def _close(self) -> None:
        """What is read but not being written is left to the next owner; what is being written is finished."""
        self._stopping.set()
        with contextlib.suppress(Stopped):
            self._finish_writing()
        self._source.close()
        self._thread.shutdown()
        self._writer.close()
