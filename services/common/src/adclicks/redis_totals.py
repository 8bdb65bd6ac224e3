"""Writes the live totals to Redis, and rebuilds them from PostgreSQL. What the keys mean: ``totals_cache``."""

import ssl
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any
from uuid import uuid4

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from adclicks.settings import RedisSettings
from adclicks.totals_cache import NEXT_OFFSET, REPLACE_SCRIPT, UPDATE_SCRIPT, PartitionTotals, key, update_arguments

SOCKET_TIMEOUT_SECONDS = 2.0
_CHUNK_MEMBERS = 2_000
# A new set whose builder died is not left for ever.
_BUILD_TTL_SECONDS = 600


def connect(settings: RedisSettings) -> "redis.Redis":
    """A client that waits at most two seconds for anything: Redis is a cache, and nothing may hang on it."""
    return redis.Redis(
        **client_options(settings),
        socket_timeout=SOCKET_TIMEOUT_SECONDS,
        socket_connect_timeout=SOCKET_TIMEOUT_SECONDS,
        # The library's own retries, with pauses between them, would hold up a writer for several seconds each time.
        retry=Retry(NoBackoff(), 0),
    )


def client_options(settings: RedisSettings) -> dict[str, Any]:
    """Where Redis is and who we are, as arguments of its client, blocking or asyncio."""
    host, port = settings.address
    options: dict[str, Any] = {"host": host, "port": port, "db": settings.db}
    options |= {"username": settings.username, "password": settings.password}
    if settings.tls:
        options |= {"ssl": True, "ssl_ca_certs": settings.ca_file}
        # From Python 3.13 on a CA without key usage, as openssl makes them, would be refused, here alone of our clients.
        options["ssl_exclude_verify_flags"] = [ssl.VerifyFlags.VERIFY_X509_STRICT]
    return options


class RedisTotals:
    """The writing side. Raises ``redis.RedisError``."""

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client
        self._update = client.register_script(UPDATE_SCRIPT)
        self._replace = client.register_script(REPLACE_SCRIPT)

    def update(self, updates: Iterable[PartitionTotals]) -> list[PartitionTotals]:
        """Writes each update, in one round trip; returns those whose set was incomplete and has to be rebuilt."""
        updates = list(updates)
        pipeline = self._client.pipeline(transaction=False)
        for update in updates:
            self._update(keys=[key(update.topic_id, update.partition)], args=update_arguments(update), client=pipeline)
        return [update for update, written in zip(updates, pipeline.execute(), strict=True) if not written]

    def behind(self, topic_id: str, written: Mapping[int, int]) -> set[int]:
        """Which partitions' sets are gone, incomplete, or older than the next offset that was ``written``."""
        if not written:
            return set()
        pipeline = self._client.pipeline(transaction=False)
        for partition in written:
            pipeline.zscore(key(topic_id, partition), NEXT_OFFSET)
        scores = zip(written.items(), pipeline.execute(), strict=True)
        return {partition for (partition, offset), score in scores if score is None or score < offset}

    def replace(self, complete: PartitionTotals) -> bool:
        """Puts a partition's complete totals in place of what is there; False where Redis lost them meanwhile."""
        target = key(complete.topic_id, complete.partition)
        building = f"{target}:building:{uuid4().hex}"
        for chunk in _chunks(complete.totals):
            pipeline = self._client.pipeline(transaction=False)
            pipeline.zadd(building, chunk)
            pipeline.expire(building, _BUILD_TTL_SECONDS)
            pipeline.execute()
        arguments = [len(complete.totals), complete.next_offset]
        return bool(self._replace(keys=[target, building], args=arguments))


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
