"""Reads the live totals from Redis: what changed since an offset, or all of them.

In a thread of its own, because Redis' answers are decoded in Python; one question at a time.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec
import structlog
from redis.exceptions import RedisError

from adclicks.mounted_files import MountedFiles
from adclicks.redis_client import Client, RedisConnection, connect
from adclicks.settings import RedisSettings
from adclicks.totals_cache import NEXT_OFFSET, changes_key, follow, key
from analytics.live_totals import Behind, Members
from analytics.totals_state import Partition

T = TypeVar("T")
# For a connection, and for each part of an answer: Redis is a shortcut, and what was asked for is bounded. An answer that
# is on its way is not given up because it is long.
TIMEOUT_SECONDS = 0.5
_ANSWER_SECONDS = 10.0
# All totals are read from Redis up to this many; beyond, PostgreSQL adds them up before it sends them.
MEMBERS_MAX = 200_000
# After a failure Redis is left alone for a while, so that one that hangs does not slow every answer.
_PAUSE_SECONDS = 2.0
_log = structlog.get_logger()


class RedisCache:
    """Never raises: without Redis, it says so. ``open`` it on the event loop that uses it, after the fork."""

    _connection: RedisConnection
    _thread: ThreadPoolExecutor

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        self._files = MountedFiles(settings.files())
        self._ask_again_at = float("-inf")
        self._working = True

    def open(self) -> None:
        """Makes the client; it connects when it is asked for something."""
        self._connection = RedisConnection(connect(self._settings, TIMEOUT_SECONDS))
        self._thread = ThreadPoolExecutor(1, "redis")

    async def close(self) -> None:
        """Closes the connections."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._connection.close()

    async def changes(self, moved: Mapping[Partition, tuple[int, int]]) -> list[dict[str, int]] | Behind | None:
        """``live_totals.TotalsCache.changes``."""
        return await self._ask(lambda client: _changes(client, moved))

    async def sets(self, partitions: list[Partition]) -> list[Members] | None:
        """``live_totals.TotalsCache.sets``."""
        return await self._ask(lambda client: _sets(client, partitions))

    async def _ask(self, question: Callable[[Client], T]) -> T | None:
        loop = asyncio.get_running_loop()
        if loop.time() < self._ask_again_at:
            return None
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                found = await loop.run_in_executor(self._thread, lambda: self._connection.ask(question))
        except (RedisError, OSError, TimeoutError, msgspec.DecodeError, KeyError, ValueError) as error:
            self._ask_again_at = loop.time() + _PAUSE_SECONDS
            self._note(error)
            self._renew()
            return None
        self._note(None)
        return found

    def _renew(self) -> None:
        """Connections keep the CA that they read first, also when they connect again: where it was rotated, new ones."""
        if self._files.rotated():
            self._files = MountedFiles(self._settings.files())
            self._connection.close()
            self._connection = RedisConnection(connect(self._settings, TIMEOUT_SECONDS))

    def _note(self, error: Exception | None) -> None:
        """Logs a change: a line for each failed reading would fill the log."""
        working = error is None
        if working != self._working:
            self._working = working
            if working:
                _log.info("redis answers again")
            else:
                _log.warning("redis does not answer; totals come from the database", error=repr(error))


def _changes(client: Client, moved: Mapping[Partition, tuple[int, int]]) -> list[dict[str, int]] | Behind | None:
    pipeline = client.pipeline(transaction=False)
    for (topic_id, partition), (since, until) in moved.items():
        pipeline.zscore(key(topic_id, partition), NEXT_OFFSET)
        pipeline.xrange(changes_key(topic_id, partition), f"{since + 1}-0", f"{until}-0")
    answers: list[Any] = pipeline.execute()
    found = []
    for (since, until), reached, entries in zip(moved.values(), answers[::2], answers[1::2], strict=True):
        added = follow(entries, since, until)
        if added is None:
            return Behind() if reached is not None and since <= reached < until else None
        found.append(added)
    return found


def _sets(client: Client, partitions: list[Partition]) -> list[Members] | None:
    pipeline = client.pipeline(transaction=False)
    for topic_id, partition in partitions:
        pipeline.zcard(key(topic_id, partition))
    sizes: list[Any] = pipeline.execute()
    # An empty set can't be complete.
    if not all(sizes) or sum(sizes) > MEMBERS_MAX:
        return None
    found = []
    for topic_id, partition in partitions:
        members: Any = client.zrange(key(topic_id, partition), 0, -1, withscores=True)
        found.append([(member, score) for member, score in members])
    return found
