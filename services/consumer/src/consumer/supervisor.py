"""Keeps the pool's worker processes running, and tells whether they move."""

import asyncio
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess
from multiprocessing.sharedctypes import Synchronized
from random import Random

import structlog

from adclicks import metrics
from adclicks.backoff import Backoff
from consumer import process
from consumer.settings import ConsumerSettings

_WATCH_SECONDS = 0.2
# A worker that ran this long and then died starts again at once.
_HEALTHY_SECONDS = 30.0
# Less than the 30 s that Kubernetes grants by default, so that a worker that hangs does not take the pool with it.
_STOP_SECONDS = 20.0
_log = structlog.get_logger()


@dataclass
class _Slot:
    """The place of one worker. ``failures`` counts the deaths in a row, ``start_at`` is when the next may start."""

    index: int
    heartbeat: "Synchronized[float]"
    process: SpawnProcess | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    failures: int = 0


class Supervisor:
    """Starts ``settings.workers`` processes, and each that dies again."""

    def __init__(self, settings: ConsumerSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._context = multiprocessing.get_context("spawn")
        self._slots = [_Slot(index, self._context.Value("d", 0.0)) for index in range(settings.workers)]
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
        ages = [now - slot.heartbeat.value for slot in self._slots if slot.process is not None and slot.heartbeat.value]
        limit_seconds = self._settings.stall_seconds
        stalled = [age for age in ages if age > limit_seconds]
        return (
            f"{len(stalled)} of {len(self._slots)} workers have not moved for {limit_seconds:.0f} s"
            if stalled
            else None
        )

    async def ready(self) -> str | None:
        """A check of ``adclicks.http.operations``: whether all workers run and have made their first step."""
        waiting = sum(
            1 for slot in self._slots if not (slot.process and slot.process.is_alive() and slot.heartbeat.value)
        )
        return f"{waiting} of {len(self._slots)} workers are not running" if waiting else None

    def _tend(self, slot: _Slot) -> None:
        now = self._clock()
        if slot.process is not None and not slot.process.is_alive():
            self._bury(slot, now)
        if slot.process is None and now >= slot.start_at:
            slot.heartbeat.value = 0.0
            slot.process = self._context.Process(
                target=process.run, args=(self._settings, slot.index, slot.heartbeat), name=f"worker-{slot.index}"
            )
            slot.process.start()
            slot.started_at = now

    def _bury(self, slot: _Slot, now: float) -> None:
        died = slot.process
        if died is None or died.pid is None:
            return
        slot.failures = 0 if now - slot.started_at > _HEALTHY_SECONDS else slot.failures + 1
        delay_seconds = self._backoff.delay_seconds(slot.failures, self._random) if slot.failures else 0.0
        slot.start_at = now + delay_seconds
        slot.process = None
        metrics.forget_process(died.pid)
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
