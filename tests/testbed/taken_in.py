"""Clicks put into the database by the consumer's own transaction, without Kafka and without a consumer process."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg

from adclicks.redis_totals import RedisTotals, read_partition
from adclicks.totals_cache import PartitionTotals
from consumer.batch import BatchBuilder, Receipt, Record
from consumer.store import Store, Topic

_TOPIC = Topic("clicks", "a-topic-id")


@dataclass(frozen=True)
class TakenClick:
    """A click as it lies in Kafka; ``at`` is its own timestamp. It is stored on the day of ``received_at``."""

    ad_id: UUID
    at: datetime
    partition: int = 0
    received_at: datetime = datetime(2025, 9, 6, tzinfo=UTC)
    click_id: UUID = field(default_factory=uuid4)
    name: str = "mc donalds"

    def record(self, offset: int) -> Record:
        """As a Kafka record at ``offset``."""
        event = {
            "clickId": str(self.click_id),
            "ad_id": str(self.ad_id),
            "name": self.name,
            "ip": "127.0.0.1",
            "timestamp": self.at.isoformat(),
            "received_at": self.received_at.isoformat(),
        }
        return Record(self.partition, offset, None, json.dumps(event).encode(), 0)


class Taker:
    """Takes clicks in over one connection, a batch a call."""

    def __init__(self, connection: psycopg.Connection, partitions: int = 3) -> None:
        self._connection = connection
        self._store = Store(connection, _TOPIC)
        self._next = dict.fromkeys(range(partitions), 0)
        connection.execute(
            "insert into ledger (topic, topic_id, kafka_partition) "
            "select %s, %s, partition from generate_series(0, %s) as partition",
            (_TOPIC.name, _TOPIC.id, partitions - 1),
        )

    def take_in(self, clicks: Iterable[TakenClick]) -> list[PartitionTotals]:
        """One transaction: ids, raw clicks, sums, totals and the ledger. Returns what a consumer tells Redis then."""
        self._read_ledger()
        builder = BatchBuilder()
        for click in clicks:
            begin = self._next[click.partition]
            builder.add(begin, click.record(begin), Receipt.on(click.received_at.date()))
            self._next[click.partition] = begin + 1
        if not len(builder):
            return []
        written = self._store.write(builder.take())
        return [
            PartitionTotals(
                _TOPIC.id,
                partition,
                end,
                written.totals[partition],
                written.begins[partition],
                written.added[partition],
            )
            for partition, end in written.next_offsets.items()
        ]

    def _read_ledger(self) -> None:
        """A test may have moved it by hand."""
        rows = self._connection.execute(
            "select kafka_partition, next_offset from ledger where topic_id = %s", (_TOPIC.id,)
        )
        self._next = dict(rows.fetchall())

    def totals(self) -> list[PartitionTotals]:
        """What Redis should hold, a partition each."""
        return [read_partition(self._connection, _TOPIC.name, _TOPIC.id, partition) for partition in self._next]

    def fill_redis(self, redis_totals: RedisTotals) -> None:
        """Writes the totals of all partitions, as a rebuild does."""
        for totals in self.totals():
            assert redis_totals.replace(totals)
