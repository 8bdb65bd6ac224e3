"""Where each partition stands: the ledger, not Kafka's committed offsets, says where a consumer starts."""

from collections.abc import Iterable

import psycopg
import structlog

from adclicks.kafka import Watermarks
from consumer.store import Topic

_log = structlog.get_logger()


class LedgerAhead(Exception):
    """The ledger has offsets that the log does not have (yet): the log was truncated, or the database is of another log."""


def positions(connection: psycopg.Connection, topic: Topic, marks: dict[int, Watermarks]) -> dict[int, int]:
    """The next offset to read of each partition in ``marks`` (the log's first and next offset).

    A partition that is new here starts at 0. Offsets that Kafka's retention took before they were read are written to the
    ledger as missing, and skipped. Raises ``LedgerAhead`` where reading on would skip clicks that were never counted.
    """
    with connection.transaction():
        _add_partitions(connection, topic, marks)
        rows = connection.execute(
            "select kafka_partition, next_offset from ledger "
            "where topic = %s and topic_id = %s and kafka_partition = any(%s) order by 1 for update",
            (topic.name, topic.id, list(marks)),
        ).fetchall()
        following: dict[int, int] = dict(rows)
        for partition, offset in following.items():
            mark = marks[partition]
            if offset > mark.high:
                raise LedgerAhead(
                    f"partition {partition} of {topic.name}: the ledger stands at {offset}, the log ends at {mark.high}"
                )
            if offset < mark.low:
                _skip(connection, topic, partition, mark.low - offset)
                following[partition] = mark.low
    return following


def _add_partitions(connection: psycopg.Connection, topic: Topic, partitions: Iterable[int]) -> None:
    connection.execute(
        "insert into ledger (topic, topic_id, kafka_partition) "
        "select %s, %s, partition from unnest(%s::int[]) as partition order by partition on conflict do nothing",
        (topic.name, topic.id, list(partitions)),
    )


def _skip(connection: psycopg.Connection, topic: Topic, partition: int, offsets: int) -> None:
    connection.execute(
        "update ledger set next_offset = next_offset + %(n)s, missing = missing + %(n)s, updated_at = now() "
        "where topic = %(topic)s and topic_id = %(id)s and kafka_partition = %(partition)s",
        {"n": offsets, "topic": topic.name, "id": topic.id, "partition": partition},
    )
    _log.error("retention took records before they were read", partition=partition, records=offsets)
