"""Restarts a worker whose certificates were rotated: Kafka's client reads them only when it is made."""

import asyncio
import os
import signal
from random import Random
from typing import Any

import structlog

from adclicks.mounted_files import CHECK_SECONDS, MountedFiles

_log = structlog.get_logger()


class RestartOnRotation:
    """Falcon middleware. The worker ends as by SIGTERM, its clicks answered; gunicorn's master starts another."""

    def __init__(self, files: MountedFiles, random: Random) -> None:
        self._files = files
        self._random = random
        self._watching: asyncio.Task[None] | None = None

    async def process_startup(self, _scope: dict[str, Any], _event: dict[str, Any]) -> None:
        """Starts watching."""
        self._watching = asyncio.create_task(self._watch())

    async def process_shutdown(self, _scope: dict[str, Any], _event: dict[str, Any]) -> None:
        """Stops watching."""
        if self._watching is not None:
            self._watching.cancel()

    async def _watch(self) -> None:
        while not self._files.rotated():  # noqa: ASYNC110 nobody sets an event when a file changes
            # At different times, so that a pod's workers don't all restart at once.
            await asyncio.sleep(self._random.uniform(CHECK_SECONDS / 2, CHECK_SECONDS))
        _log.info("certificates were rotated; restarting the worker")
        os.kill(os.getpid(), signal.SIGTERM)
