"""Batches for the store, as the consumer would build them, without Kafka."""

from datetime import UTC, date, datetime

import psycopg

from adclicks.kafka import Watermarks
from consumer.batch import Batch, Receipt, Record, Row, Span, read_record
from consumer.ledger import positions
from consumer.store import Topic
from testbed.clicks import Json, encode


def batch_of(clicks: list[Json], begin: int = 0, partition: int = 0, today: date | None = None) -> Batch:
    """Of records of one partition, stored ``today``."""
    receipt = Receipt.on(today or datetime.now(UTC).date())
    rows = []
    for offset, click in enumerate(clicks, begin):
        row = read_record(Record(partition, offset, None, encode(click), 1_700_000_000_000), receipt)
        assert isinstance(row, Row)
        rows.append(row)
    return Batch({partition: Span(begin, begin + len(clicks))}, rows)


def place(connection: psycopg.Connection, topic: Topic, *partitions: int) -> dict[int, int]:
    """Asks the ledger, as a consumer that was just given the partitions."""
    return positions(connection, topic, {partition: Watermarks(0, 1_000_000) for partition in partitions})
