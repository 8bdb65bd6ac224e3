"""A pool that drains a backlog: how fast, and was everything counted once?"""

import time
from dataclasses import dataclass

import psycopg

from adclicks import kafka
from adclicks.audit import AUDIT_SQL, audit
from adclicks.redis_totals import connect as connect_redis
from adclicks.totals_cache import NEXT_OFFSET, key
from bench.memory import Peak
from bench.pipeline import Pipeline

_POLL_SECONDS = 0.1
_CACHE_SECONDS = 10.0
# Slower than this, it is not worth to wait for.
_RATE_MIN = 1_000


@dataclass(frozen=True)
class Drained:
    """``rate``: clicks a second from the first transaction to the last, or from the end of the warming up on; ``cold_rate``: of
    the warming up, 0 without one. ``wrong``: empty where all was counted once."""

    rate: float
    cold_rate: float
    worker_mb: float
    wrong: str


def drain(pipeline: Pipeline, clicks: int, workers: int, warm_up: int = 0) -> Drained:
    """Starts a pool of ``workers`` on a topic with ``clicks`` unique clicks and waits until the ledger has them all.

    The first ``warm_up`` of them are for the database to get going. Raises ``TimeoutError``.
    """
    with pipeline.connect() as connection:
        service = pipeline.start("consumer", CONSUMER_WORKERS=str(workers))
        with Peak(service) as peak:
            cold_rate = _rate(connection, pipeline.topic, warm_up) if warm_up else 0.0
            rate = _rate(connection, pipeline.topic, clicks)
        wrong = _what_is_wrong(pipeline, connection, clicks)
        service.stop()
    return Drained(rate, cold_rate, peak.megabytes, wrong)


def _rate(connection: psycopg.Connection, topic: str, clicks: int) -> float:
    deadline = time.monotonic() + 60 + clicks / _RATE_MIN
    first: tuple[float, int] | None = None
    while (taken := _taken(connection, topic)) < clicks:
        now = time.monotonic()
        if taken and first is None:
            first = (now, taken)
        if now > deadline:
            raise TimeoutError(f"the consumers took {taken} of {clicks} clicks within the bound")
        time.sleep(_POLL_SECONDS)
    if first is None:
        raise TimeoutError(f"{clicks} clicks were drained before anybody looked: take more of them")
    seconds = time.monotonic() - first[0]
    return (taken - first[1]) / seconds


def _taken(connection: psycopg.Connection, topic: str) -> int:
    row = connection.execute(
        "select coalesce(sum(next_offset - first_offset), 0)::bigint from ledger where topic = %s", (topic,)
    ).fetchone()
    return int(row[0]) if row else 0


def _what_is_wrong(pipeline: Pipeline, connection: psycopg.Connection, clicks: int) -> str:
    admin = kafka.admin(pipeline.kafka)
    topic_id = kafka.topic_id(admin, pipeline.topic)
    # The query of the audit is constant text.
    result = audit(connection.execute(AUDIT_SQL.encode()).fetchall(), None)
    stored = sum(item.stored for item in result.partitions if item.topic_id == topic_id)
    ledger = {item.partition: item.next_offset for item in result.partitions if item.topic_id == topic_id}
    if not result.adds_up:
        return "the audit does not add up"
    if stored != clicks:
        return f"{stored} of {clicks} stored"
    return "" if _cache_follows(pipeline, topic_id, ledger) else "Redis did not get the totals"


def _cache_follows(pipeline: Pipeline, topic_id: str, ledger: dict[int, int]) -> bool:
    client = connect_redis(pipeline.redis)
    deadline = time.monotonic() + _CACHE_SECONDS
    try:
        while any(client.zscore(key(topic_id, number), NEXT_OFFSET) != end for number, end in ledger.items()):
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True
    finally:
        client.close()
