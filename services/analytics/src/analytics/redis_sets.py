"""Reads the partitions' sets of live totals from Redis."""

import asyncio

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from adclicks.mounted_files import MountedFiles
from adclicks.redis_totals import client_options
from adclicks.settings import RedisSettings
from adclicks.totals_cache import key
from analytics.live_totals import Members, Partition

# Redis is a shortcut: where it takes longer, PostgreSQL has answered already.
TIMEOUT_SECONDS = 0.5
# After a failure Redis is left alone for a while, so that one that hangs does not slow every answer.
_PAUSE_SECONDS = 2.0
_log = structlog.get_logger()


class RedisSets:
    """Never raises: without Redis, ``read`` says so. ``open`` it on the event loop that uses it, after the fork."""

    _client: Redis

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        self._files = MountedFiles(settings.files())
        self._ask_again_at = float("-inf")
        self._working = True

    def open(self) -> None:
        """Makes the client; it connects when it is asked for something."""
        self._client = self._make_client()

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def read(self, partitions: list[Partition]) -> list[Members] | None:
        """``live_totals.PartitionSets.read``."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._ask_again_at:
            return None
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                found = await self._read(partitions)
        except (RedisError, OSError, TimeoutError) as error:
            self._ask_again_at = loop.time() + _PAUSE_SECONDS
            self._note(error)
            await self._renew()
            return None
        self._note(None)
        return found

    def _make_client(self) -> Redis:
        return Redis(
            **client_options(self._settings),
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )

    async def _renew(self) -> None:
        """Connections keep the CA that they read first, also when they connect again: where it was rotated, new ones."""
        if self._files.rotated():
            self._files = MountedFiles(self._settings.files())
            old, self._client = self._client, self._make_client()
            await old.aclose()

    async def _read(self, partitions: list[Partition]) -> list[Members]:
        if not partitions:
            return []
        async with self._client.pipeline(transaction=False) as pipeline:
            for topic_id, partition in partitions:
                pipeline.zrange(key(topic_id, partition), 0, -1, withscores=True)
            return [[(member, score) for member, score in members] for members in await pipeline.execute()]

    def _note(self, error: Exception | None) -> None:
        """Logs a change: a line for each failed reading would fill the log."""
        working = error is None
        if working != self._working:
            self._working = working
            if working:
                _log.info("redis answers again")
            else:
                _log.warning("redis does not answer; totals come from the database", error=repr(error))
