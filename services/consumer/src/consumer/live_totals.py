"""Keeps Redis near the truth: after each commit, and again whenever it was away, flushed or behind."""

import time
from collections.abc import Callable, Iterable

import psycopg
import redis
import structlog

from adclicks.redis_totals import RedisTotals, read_partition
from adclicks.totals_cache import PartitionTotals
from consumer.store import Topic, Written

# How often Redis is asked whether it still has what was written, and how long it is left alone after a failure.
CHECK_SECONDS = 1.0
_log = structlog.get_logger()


class LiveTotals:
    """Redis is a cache: nothing here ever fails a batch. ``failures`` counts what went wrong."""

    def __init__(self, target: RedisTotals, topic: Topic, clock: Callable[[], float] = time.monotonic) -> None:
        self._target = target
        self._topic = topic
        self._clock = clock
        self._written: dict[int, int] = {}
        self._stale: set[int] = set()
        self._next_check = 0.0
        self.failures = 0

    def adopt(self, partitions: Iterable[int]) -> None:
        """These are ours now, in an unknown state: they are written anew."""
        self._stale |= set(partitions)
        self._next_check = 0.0

    def drop(self, partitions: Iterable[int]) -> None:
        """Others look after these."""
        for partition in partitions:
            self._stale.discard(partition)
            self._written.pop(partition, None)

    def update(self, written: Written) -> None:
        """After the commit: the totals that the batch changed."""
        updates = [
            PartitionTotals(
                self._topic.id,
                partition,
                written.next_offsets[partition],
                totals,
                written.begins[partition],
                written.added[partition],
            )
            for partition, totals in written.totals.items()
            # Not there: another consumer has it by now, and has written all of its totals.
            if partition not in self._stale and partition in self._written
        ]
        try:
            incomplete = self._target.update(updates) if updates else []
        except redis.RedisError as error:
            self._failed(error, written.next_offsets)
            return
        self._written |= {update.partition: update.next_offset for update in updates}
        self._stale |= {update.partition for update in incomplete}

    def tend(self, connection: psycopg.Connection) -> None:
        """Heals what is stale, and looks whether Redis still has the rest. Cheap where nothing is due.

        ``connection`` is asked for complete totals; its errors are the caller's.
        """
        if self._clock() < self._next_check:
            return
        self._next_check = self._clock() + CHECK_SECONDS
        try:
            self._stale |= self._target.behind(self._topic.id, self._written)
            for partition in sorted(self._stale):
                complete = read_partition(connection, self._topic.name, self._topic.id, partition)
                if self._target.replace(complete):
                    self._stale.discard(partition)
                    self._written[partition] = complete.next_offset
        except redis.RedisError as error:
            self._failed(error, self._written)

    def _failed(self, error: Exception, partitions: Iterable[int]) -> None:
        if not self._stale:
            _log.warning("redis is away; totals are served from PostgreSQL until it is back", error=str(error))
        self.failures += 1
        self._stale |= set(partitions)
