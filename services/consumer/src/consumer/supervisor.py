"""Keeps the pool's worker processes running, and tells whether they move."""

import asyncio
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess
from random import Random

import structlog

from adclicks import metrics
from adclicks.backoff import Backoff
from consumer import process
from consumer.progress import WorkerState
from consumer.report import WorkerReport
from consumer.settings import ConsumerSettings

_WATCH_SECONDS = 0.2
# A worker that ran this long and then died starts again at once.
_HEALTHY_SECONDS = 30.0
# Less than the 30 s that Kubernetes grants by default, so that a worker that hangs does not take the pool with it.
_STOP_SECONDS = 20.0
# A starved machine needs minutes to start a process: ended before its first step, it would never get there.
_FIRST_STEP_SECONDS = 300.0
# A worker that is to be replaced may leave the group in order; one whose client finds no broker never ends that.
_REPLACE_SECONDS = 5.0
_log = structlog.get_logger()


@dataclass
class _Slot:
    """The place of one worker. ``failures`` counts the deaths in a row, ``start_at`` is when the next may start.

    ``kill_at`` is set where the worker is to end: from then on it is not waited for.
    """

    index: int
    report: WorkerReport
    process: SpawnProcess | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    failures: int = 0
    kill_at: float | None = None
    exit_code: int | None = None


class Supervisor:
    """Starts ``settings.workers`` processes, and each that dies again."""

    def __init__(self, settings: ConsumerSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._context = multiprocessing.get_context("spawn")
        self._slots = [_Slot(index, WorkerReport()) for index in range(settings.workers)]
        self._backoff = Backoff(first_seconds=0.5, limit_seconds=30.0)
        self._random = Random()  # noqa: S311 jitter

    async def run(self, stopping: asyncio.Event) -> None:
        """Until ``stopping`` is set; then stops the workers and waits for them."""
        while not stopping.is_set():
            for slot in self._slots:
                self._tend(slot)
            try:
                await asyncio.wait_for(stopping.wait(), _WATCH_SECONDS)
            except TimeoutError:
                continue
        await self._stop_all()

    async def live(self) -> str | None:
        """A check of ``adclicks.http.operations``: whether each worker has made a step lately."""
        now = self._clock()
        ages = [
            now - slot.report.heartbeat_seconds
            for slot in self._slots
            if slot.process is not None and slot.report.heartbeat_seconds
        ]
        limit_seconds = self._settings.stall_seconds
        stalled = [age for age in ages if age > limit_seconds]
        return (
            f"{len(stalled)} of {len(self._slots)} workers have not moved for {limit_seconds:.0f} s"
            if stalled
            else None
        )

    async def ready(self) -> str | None:
        """A check of ``adclicks.http.operations``: whether all workers run, have made their first step, and are not halted."""
        if any(s.exit_code == process.EXIT_GROUP_PROTOCOL and not s.report.partitions for s in self._slots):
            return "Kafka does not have this group protocol: set KAFKA_GROUP_PROTOCOL=classic"
        waiting = sum(
            1
            for slot in self._slots
            if not (slot.process and slot.process.is_alive() and slot.report.heartbeat_seconds)
        )
        if waiting:
            return f"{waiting} of {len(self._slots)} workers are not running"
        halted = sum(1 for slot in self._slots if slot.report.halted)
        return (
            f"{halted} of {len(self._slots)} workers are halted: PostgreSQL refuses too many clicks" if halted else None
        )

    def states(self) -> list[WorkerState]:
        """The workers that have made a first step, and what they told last."""
        return [
            WorkerState(slot.index, slot.report.first_step_seconds, slot.report.partitions, slot.report.writing)
            for slot in self._slots
            if slot.process is not None and slot.report.heartbeat_seconds
        ]

    def replace(self, index: int) -> None:
        """Ends a worker, and starts another in its place at once: a new process has new clients."""
        slot = self._slots[index]
        if slot.process is not None and slot.kill_at is None:
            slot.kill_at = self._clock() + _REPLACE_SECONDS
            slot.process.terminate()

    def _tend(self, slot: _Slot) -> None:
        now = self._clock()
        self._end_hung(slot, now)
        if slot.process is not None and not slot.process.is_alive():
            self._bury(slot, now)
        if slot.process is None and now >= slot.start_at:
            slot.report.clear()
            slot.process = self._context.Process(
                target=process.run, args=(self._settings, slot.index, slot.report), name=f"worker-{slot.index}"
            )
            slot.process.start()
            slot.started_at = now

    def _end_hung(self, slot: _Slot, now: float) -> None:
        """One that does not end as it should, or makes no step at all, is killed: nothing depends on how a worker ends."""
        if slot.process is None or not slot.process.is_alive():
            return
        begun = slot.report.heartbeat_seconds > 0
        seconds = now - (slot.report.heartbeat_seconds if begun else slot.started_at)
        if slot.kill_at is None and seconds > (self._settings.stall_seconds if begun else _FIRST_STEP_SECONDS):
            _log.error("worker replaced: it has made no step", worker=slot.index, seconds=round(seconds))
            slot.kill_at = now
        if slot.kill_at is not None and now >= slot.kill_at:
            slot.process.kill()

    def _bury(self, slot: _Slot, now: float) -> None:
        died = slot.process
        if died is None or died.pid is None:
            return
        replaced, slot.kill_at = slot.kill_at is not None, None
        slot.exit_code = died.exitcode
        slot.failures = 0 if replaced or now - slot.started_at > _HEALTHY_SECONDS else slot.failures + 1
        delay_seconds = self._backoff.delay_seconds(slot.failures, self._random) if slot.failures else 0.0
        slot.start_at = now + delay_seconds
        slot.process = None
        metrics.forget_process(died.pid)
        if replaced:
            return
        _log.error(
            "worker died", worker=slot.index, exit_code=died.exitcode, restart_in_seconds=round(delay_seconds, 1)
        )

    async def _stop_all(self) -> None:
        running = [slot.process for slot in self._slots if slot.process is not None]
        for worker in running:
            worker.terminate()
        deadline = self._clock() + _STOP_SECONDS
        for worker in running:
            await asyncio.to_thread(worker.join, max(0.0, deadline - self._clock()))
            if worker.is_alive():
                _log.error("worker did not stop in time", pid=worker.pid)
                worker.kill()
