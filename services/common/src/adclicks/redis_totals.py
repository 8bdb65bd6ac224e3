"""Writes the live totals to Redis, and rebuilds them from PostgreSQL. What the keys mean: ``totals_cache``."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any
from uuid import uuid4

import psycopg
import redis
from redis.cluster import RedisCluster
from redis.commands.core import Script

from adclicks.redis_client import Client, RedisConnection, client_options, connect
from adclicks.totals_cache import (
    NEXT_OFFSET,
    REPLACE_SCRIPT,
    UPDATE_SCRIPT,
    PartitionTotals,
    building_key,
    changes_key,
    encode_added,
    key,
    update_arguments,
)

__all__ = ["RedisTotals", "client_options", "connect", "ledger_partitions", "read_partition"]
_CHUNK_MEMBERS = 2_000
# A new set whose builder died is not left for ever.
_BUILD_TTL_SECONDS = 600


class RedisTotals:
    """The writing side. Raises ``redis.RedisError``."""

    def __init__(self, client: "redis.Redis") -> None:
        self._connection = RedisConnection(client)
        self._update = client.register_script(UPDATE_SCRIPT)
        self._replace = client.register_script(REPLACE_SCRIPT)

    def update(self, updates: Iterable[PartitionTotals]) -> list[PartitionTotals]:
        """Writes each update, in one round trip; returns those whose set was incomplete and has to be rebuilt."""
        updates = list(updates)
        written = self._connection.ask(lambda client: self._run_updates(client, updates))
        return [update for update, done in zip(updates, written, strict=True) if not done]

    def behind(self, topic_id: str, written: Mapping[int, int]) -> set[int]:
        """Which partitions' sets are gone, incomplete, or older than the next offset that was ``written``."""
        if not written:
            return set()
        scores = self._connection.ask(lambda client: _scores(client, topic_id, written))
        return {
            partition
            for (partition, offset), score in zip(written.items(), scores, strict=True)
            if score is None or score < offset
        }

    def replace(self, complete: PartitionTotals) -> bool:
        """Puts a partition's complete totals in place of what is there; False where Redis lost them meanwhile."""
        building = building_key(complete.topic_id, complete.partition, uuid4().hex)
        for chunk in _chunks(complete.totals):
            self._connection.ask(lambda client, chunk=chunk: _add(client, building, chunk))  # type: ignore[misc]
        keys = [
            key(complete.topic_id, complete.partition),
            building,
            changes_key(complete.topic_id, complete.partition),
        ]
        arguments = [len(complete.totals), complete.next_offset]
        return bool(self._connection.ask(lambda client: self._replace(keys=keys, args=arguments, client=client)))

    def _run_updates(self, client: Client, updates: list[PartitionTotals]) -> list[Any]:
        if isinstance(client, RedisCluster):
            # Its pipeline takes no scripts: a round trip a partition.
            return [_run(self._update, client, update) for update in updates]
        pipeline = client.pipeline(transaction=False)
        for update in updates:
            _run(self._update, pipeline, update)
        return pipeline.execute()


def _run(script: Script, client: Client, update: PartitionTotals) -> Any:
    keys = [key(update.topic_id, update.partition), changes_key(update.topic_id, update.partition)]
    return script(keys=keys, args=[encode_added(update.added), *update_arguments(update)], client=client)


def _scores(client: Client, topic_id: str, partitions: Iterable[int]) -> list[Any]:
    pipeline = client.pipeline(transaction=False)
    for partition in partitions:
        pipeline.zscore(key(topic_id, partition), NEXT_OFFSET)
    return pipeline.execute()


def _add(client: Client, building: str, chunk: Mapping[str, int]) -> None:
    pipeline = client.pipeline(transaction=False)
    pipeline.zadd(building, dict(chunk))
    pipeline.expire(building, _BUILD_TTL_SECONDS)
    pipeline.execute()


def read_partition(connection: psycopg.Connection, topic: str, topic_id: str, partition: int) -> PartitionTotals:
    """A partition's complete totals, and the offset they belong to, in one snapshot."""
    rows = connection.execute(
        "select l.next_offset, t.ad_id::text, t.clicks from ledger l "
        "left join ad_totals t on t.kafka_partition = l.kafka_partition "
        "where l.topic = %s and l.topic_id = %s and l.kafka_partition = %s",
        (topic, topic_id, partition),
    ).fetchall()
    totals = {ad_id: clicks for _, ad_id, clicks in rows if ad_id is not None}
    return PartitionTotals(topic_id, partition, rows[0][0] if rows else 0, totals)


def ledger_partitions(connection: psycopg.Connection) -> list[tuple[str, str, int]]:
    """``(topic, topic id, partition)`` of each partition's newest ledger row: those that a reader asks Redis for."""
    return connection.execute(
        "select distinct on (kafka_partition) topic, topic_id, kafka_partition from ledger "
        "order by kafka_partition, started_at desc"
    ).fetchall()


def _chunks(totals: Mapping[str, int]) -> Iterator[dict[str, int]]:
    items = iter(totals.items())
    while chunk := dict(islice(items, _CHUNK_MEMBERS)):
        yield chunk
