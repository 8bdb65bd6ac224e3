"""The transaction and what surrounds it, without Kafka."""

import threading

import psycopg
import pytest

from adclicks.audit import AUDIT_SQL, audit
from adclicks.kafka import Watermarks
from consumer.batch import Batch, Span
from consumer.ledger import LedgerAhead, positions
from consumer.store import LedgerMoved, Store, Topic
from testbed.batches import batch_of, place
from testbed.clicks import Json, new_click
from testbed.installation import Installation


def everything(connection: psycopg.Connection) -> list[object]:
    """All that a transaction could have changed."""
    tables = ("click_ids", "clicks", "clicks_by_minute", "clicks_by_hour", "clicks_by_day", "ad_totals", "ledger")
    return [connection.execute(f"select * from {table} order by 1, 2".encode()).fetchall() for table in tables]  # noqa: S608 our own names


def test_a_batch_that_does_not_begin_where_the_ledger_stands_writes_nothing(
    connection: psycopg.Connection, installation: Installation, topic: Topic
) -> None:
    """Another consumer has written: the late one gets LedgerMoved for that partition, and not one row changes."""
    place(connection, topic, 0, 1)
    with installation.connect() as other:
        Store(other, topic).write(batch_of([new_click(), new_click()]))
    late = batch_of([new_click()], begin=0)
    both = Batch({**late.spans, 1: Span(0, 1)}, [*late.rows, *batch_of([new_click()], partition=1).rows])
    before = everything(connection)

    with pytest.raises(LedgerMoved) as moved:
        Store(connection, topic).write(both)

    assert moved.value.partitions == {0}
    assert everything(connection) == before


@pytest.mark.parametrize("begin", [1, 7])
def test_a_batch_that_leaves_a_gap_writes_nothing(connection: psycopg.Connection, topic: Topic, begin: int) -> None:
    """Offsets can't be jumped over either."""
    place(connection, topic, 0)

    with pytest.raises(LedgerMoved):
        Store(connection, topic).write(batch_of([new_click()], begin=begin))


def test_a_partition_that_nobody_placed_writes_nothing(connection: psycopg.Connection, topic: Topic) -> None:
    """There is no ledger row to move."""
    with pytest.raises(LedgerMoved):
        Store(connection, topic).write(batch_of([new_click()]))


def test_two_writers_of_the_same_offsets_count_them_once(
    connection: psycopg.Connection, installation: Installation, topic: Topic
) -> None:
    """At the same moment, over two connections: one writes, the other learns that the ledger has moved."""
    place(connection, topic, 0)
    clicks = [new_click() for _ in range(200)]
    outcomes: list[object] = []

    def write() -> None:
        with installation.connect() as mine:
            try:
                outcomes.append(Store(mine, topic).write(batch_of(clicks)).stored)
            except LedgerMoved:
                outcomes.append("moved")

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(outcomes, key=str) == [200, "moved", "moved"]


def test_the_same_ids_in_two_partitions_at_once_count_once(
    connection: psycopg.Connection, installation: Installation, topic: Topic
) -> None:
    """Two consumers hold the same clicks in opposite order: no deadlock, each id is stored by one of them."""
    place(connection, topic, 0, 1)
    clicks = [new_click() for _ in range(300)]
    stored: list[int] = []

    def write(partition: int, order: list[Json]) -> None:
        with installation.connect() as mine:
            stored.append(Store(mine, topic).write(batch_of(order, partition=partition)).stored)

    threads = [
        threading.Thread(target=write, args=(partition, order))
        for partition, order in enumerate((clicks, clicks[::-1]))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sum(stored) == 300


def test_an_empty_span_and_rejects_alone_move_the_ledger(connection: psycopg.Connection, topic: Topic) -> None:
    """Offsets without a record are accounted for as well."""
    place(connection, topic, 0)

    Store(connection, topic).write(Batch({0: Span(0, 5, empty=5)}))

    (row,) = connection.execute(
        "select next_offset, empty_offsets from ledger where topic_id = %s", (topic.id,)
    ).fetchall()
    assert row == (5, 5)


def test_wrong_arithmetic_is_refused_by_the_database(connection: psycopg.Connection, topic: Topic) -> None:
    """A span that claims more offsets than it has rows can't be committed: the ledger's check holds the audit."""
    place(connection, topic, 0)
    batch = batch_of([new_click(), new_click()])
    before = everything(connection)

    with pytest.raises(psycopg.errors.CheckViolation, match="every_offset_is_accounted_for"):
        Store(connection, topic).write(Batch({0: Span(0, 3)}, batch.rows))

    assert everything(connection) == before


def test_offsets_that_retention_took_are_skipped_and_counted(connection: psycopg.Connection, topic: Topic) -> None:
    """The log begins later than the ledger stands: reading goes on there, and the difference is missing."""
    place(connection, topic, 0)

    assert positions(connection, topic, {0: Watermarks(40, 100)}) == {0: 40}
    assert positions(connection, topic, {0: Watermarks(40, 100)}) == {0: 40}

    result = audit(connection.execute(AUDIT_SQL).fetchall(), None)
    (item,) = [item for item in result.partitions if item.topic_id == topic.id]
    assert (item.missing, item.consumed, item.adds_up) == (40, 0, True)


def test_a_log_that_ends_before_the_ledger_is_not_read(connection: psycopg.Connection, topic: Topic) -> None:
    """A truncated log, or the wrong database: reading on would count other clicks under old offsets."""
    place(connection, topic, 0)
    positions(connection, topic, {0: Watermarks(40, 100)})

    with pytest.raises(LedgerAhead):
        positions(connection, topic, {0: Watermarks(0, 39)})


def test_a_store_needs_a_connection_in_autocommit_mode(installation: Installation, topic: Topic) -> None:
    """Else a stray read would wrap the next batch in a transaction that nobody commits."""
    with installation.connect() as connection:
        connection.set_autocommit(False)
        with pytest.raises(ValueError, match="autocommit"):
            Store(connection, topic)
