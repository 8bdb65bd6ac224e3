"""kopf in a thread of its own: at its end it cancels every task of its event loop, and ours must outlive it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from random import Random

import kopf
import structlog

from adclicks.backoff import Backoff
from lagscaler import handlers
from lagscaler.connection import Connection
from lagscaler.resources import Json
from lagscaler.runner import Runner

STOP_TIMEOUT_SECONDS = 8.0
_BACKOFF = Backoff(first_seconds=0.5, limit_seconds=10.0)

_log = structlog.get_logger()


class Watching:
    """Hands what kopf sees to the runner, in the runner's event loop. When kopf ends it is started again."""

    def __init__(self, connection: Connection, namespaces: Sequence[str], runner: Runner) -> None:
        self._connection, self._namespaces, self._runner = connection, namespaces, runner
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        # At its own level it writes a line for every event of every HPA.
        logging.getLogger("kopf").setLevel(max(logging.getLogger().level, logging.WARNING))
        self._thread = threading.Thread(target=self._run, name="kopf", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    async def close(self) -> None:
        self._stop.set()
        await asyncio.to_thread(self._thread.join, STOP_TIMEOUT_SECONDS)

    def _run(self) -> None:
        failed = 0
        while not self._stop.is_set():
            failed += 1
            try:
                asyncio.run(handlers.watch(self._registry(), self._namespaces, self._stop))
            except Exception as error:
                _log.warning("watching ended; it is started again", error=repr(error))
            # Jitter, no secret.
            self._stop.wait(_BACKOFF.delay_seconds(failed, Random()))  # noqa: S311

    def _registry(self) -> kopf.OperatorRegistry:
        return handlers.registry(self._connection, self._seen, self._scaler_seen)

    def _seen(self, kind: str | None, body: Json) -> None:
        self._loop.call_soon_threadsafe(self._runner.seen, kind, body)

    def _scaler_seen(self, kind: str | None, body: Json) -> None:
        self._loop.call_soon_threadsafe(self._runner.scaler_seen, kind, body)
