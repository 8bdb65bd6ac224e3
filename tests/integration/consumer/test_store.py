"""The transaction and what surrounds it, without Kafka: the fence, the days, the upkeep."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from adclicks.audit import AUDIT_SQL, audit
from adclicks.kafka import Watermarks
from adclicks.settings import read
from consumer.batch import Batch, Receipt, Record, Row, Span, read_record
from consumer.ledger import LedgerAhead, positions
from consumer.settings import ConsumerSettings
from consumer.store import LedgerMoved, Store, Topic, create_day
from consumer.upkeep import Upkeep, drop_days, forget_ids
from testbed.clicks import Json, encode, new_click
from testbed.installation import Installation
from testbed.polling import eventually

MakeInstallation = Callable[..., Installation]
RETENTION_DAYS = 90


@pytest.fixture
def topic() -> Topic:
    """A topic that the ledger does not know yet."""
    return Topic("clicks", uuid4().hex)


@pytest.fixture
def connection(installation: Installation) -> Iterator[psycopg.Connection]:
    """In autocommit mode."""
    with installation.connect() as connection:
        yield connection


def batch_of(clicks: list[Json], begin: int = 0, partition: int = 0, today: date | None = None) -> Batch:
    """As the consumer would build it from records of one partition."""
    receipt = Receipt.on(today or datetime.now(UTC).date(), RETENTION_DAYS)
    rows = []
    for offset, click in enumerate(clicks, begin):
        row = read_record(Record(partition, offset, None, encode(click), 1_700_000_000_000), receipt)
        assert isinstance(row, Row)
        rows.append(row)
    return Batch({partition: Span(begin, begin + len(clicks))}, rows)


def place(connection: psycopg.Connection, topic: Topic, *partitions: int) -> dict[int, int]:
    """Asks the ledger, as a consumer that was just given the partitions."""
    return positions(connection, topic, {partition: Watermarks(0, 1_000_000) for partition in partitions})


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
    """Offsets without a click (all missing) are accounted for as well."""
    place(connection, topic, 0)

    Store(connection, topic).write(Batch({0: Span(0, 5, missing=5)}))

    (row,) = connection.execute("select next_offset, missing from ledger where topic_id = %s", (topic.id,)).fetchall()
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


def test_old_days_are_dropped_and_their_sums_stay(make_installation: MakeInstallation, topic: Topic) -> None:
    """A round of upkeep drops raw clicks past the retention and ids past the horizon; counters stay; the audit adds up."""
    installation = make_installation(partitions=1)
    settings = read(
        ConsumerSettings, {**installation.environment, "CLICK_RETENTION_DAYS": "10", "DEDUP_HORIZON_DAYS": "5"}
    )
    now = datetime.now(UTC)
    old, recent, new = (new_click(received_at=(now - timedelta(days=age)).isoformat()) for age in (11, 7, 1))
    with installation.connect() as connection:
        place(connection, topic, 0)
        Store(connection, topic).write(batch_of([old, recent, new]))

        Upkeep(settings).once(now)
        Upkeep(settings).once(now)

        ids = connection.execute("select click_id::text from clicks").fetchall()
        assert {row[0] for row in ids} == {recent["clickId"], new["clickId"]}
        known = connection.execute("select click_id::text from click_ids").fetchall()
        assert {row[0] for row in known} == {new["clickId"]}
        assert connection.execute("select sum(clicks)::int from clicks_by_day").fetchall() == [(3,)]
        assert audit(connection.execute(AUDIT_SQL).fetchall(), None).adds_up

        # Within the horizon a repeat is known; past it, it counts as new.
        again = Store(connection, topic).write(batch_of([recent, new], begin=3))
        assert (again.stored, again.duplicates) == (1, 1)
        days = connection.execute("select to_regclass(%s)", (f"clicks_{now + timedelta(days=2):%Y_%m_%d}",)).fetchone()
        assert days != (None,)


def test_a_day_that_was_dropped_meanwhile_is_made_again(connection: psycopg.Connection, topic: Topic) -> None:
    """A store that knew the day's table gets an error it can act on, and stores after `forget_days`."""
    place(connection, topic, 0)
    store = Store(connection, topic)
    store.write(batch_of([new_click()]))
    drop_days(connection, datetime.now(UTC).date() + timedelta(days=1))

    with pytest.raises(psycopg.errors.CheckViolation, match="no partition of relation"):
        store.write(batch_of([new_click()], begin=1))
    store.forget_days()

    assert store.write(batch_of([new_click()], begin=1)).stored == 1


def test_a_drop_that_was_cut_short_is_finished(installation: Installation, connection: psycopg.Connection) -> None:
    """A detach that lost its connection half-way would otherwise end each later round of upkeep with an error."""
    first, second = date(2020, 1, 1), date(2020, 1, 2)
    create_day(connection, first)
    create_day(connection, second)
    with installation.connect() as reader, installation.connect() as cut_short, reader.transaction():
        reader.execute("select count(*) from clicks_2020_01_01")
        detach = threading.Thread(target=_detach, args=(cut_short, "clicks_2020_01_01"))
        detach.start()
        eventually(lambda: _require_pending(connection))
        connection.execute("select pg_terminate_backend(%s)", (cut_short.info.backend_pid,))
        detach.join(30)
    _require_pending(connection)

    assert sorted(drop_days(connection, date(2020, 6, 1))) == [first, second]


def test_many_old_ids_are_removed_in_steps(connection: psycopg.Connection) -> None:
    """More than one step's worth goes in one call, and nothing younger."""
    connection.execute(
        "insert into click_ids select gen_random_uuid(), '2001-01-01'::timestamptz from generate_series(1, 45000)"
    )

    assert forget_ids(connection, datetime(2002, 1, 1, tzinfo=UTC)) == 45_000
    assert forget_ids(connection, datetime(2002, 1, 1, tzinfo=UTC)) == 0


def _detach(connection: psycopg.Connection, table: str) -> None:
    with pytest.raises(psycopg.OperationalError):
        connection.execute(f"alter table clicks detach partition {table} concurrently".encode())


def _require_pending(connection: psycopg.Connection) -> None:
    found = connection.execute("select count(*) from pg_inherits where inhdetachpending").fetchone()
    assert found == (1,)
