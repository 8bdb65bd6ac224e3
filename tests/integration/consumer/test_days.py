"""The daily tables are made, detached and dropped while others read and write ``clicks``."""

import threading
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from consumer.days import create_day, drop_days, partitions
from consumer.store import Store, Topic
from testbed.batches import batch_of, place
from testbed.clicks import new_click
from testbed.installation import Installation
from testbed.polling import eventually


def test_a_long_reader_does_not_hold_up_a_batch_that_needs_a_new_day(
    connection: psycopg.Connection, installation: Installation, topic: Topic
) -> None:
    """pg_dump or a recount has read ``clicks`` and its transaction is open: the day's table is made, and the batch stored."""
    place(connection, topic, 0)
    day = date(2031, 1, 1)
    connection.execute("set lock_timeout = '2s'")
    store = Store(connection, topic)
    with installation.connect() as reader, reader.transaction():
        reader.execute("select count(*) from clicks")

        assert store.write(batch_of([new_click()], today=day)).stored == 1

    assert day in partitions(connection).known()
    (columns,) = connection.execute(
        "select count(*) from pg_index where indrelid = 'clicks_2031_01_01'::regclass"
    ).fetchall()
    assert columns == (1,)


def test_days_are_made_by_several_at_once(connection: psycopg.Connection, installation: Installation) -> None:
    """One makes it, the others find it."""
    day, failures = date(2031, 1, 2), []

    def make() -> None:
        with installation.connect() as mine:
            try:
                create_day(mine, day)
            except psycopg.Error as error:
                failures.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert failures == []
    assert day in partitions(connection).known()


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


def test_a_long_reader_holds_up_a_drop_and_nothing_else(
    installation: Installation, connection: psycopg.Connection, topic: Topic
) -> None:
    """The detach gives up at its limit, rows go in and days are made meanwhile, and it is finished later."""
    old = date(2020, 2, 1)
    create_day(connection, old)
    place(connection, topic, 0)
    store = Store(connection, topic)
    with installation.connect() as reader, installation.connect() as dropper, reader.transaction():
        reader.execute("select count(*) from clicks")
        dropper.execute("set statement_timeout = '1s'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            drop_days(dropper, date(2020, 6, 1))

        assert store.write(batch_of([new_click()])).stored == 1
        create_day(connection, date(2031, 1, 3))

    assert drop_days(connection, date(2020, 6, 1)) == [old]


def test_a_table_that_was_detached_and_not_dropped_is_dropped_later(connection: psycopg.Connection) -> None:
    """The process died between the two. One that somebody else detached, to keep it, stays."""
    ours, theirs = date(2020, 3, 1), date(2020, 3, 2)
    for day in (ours, theirs):
        create_day(connection, day)
        connection.execute(f"alter table clicks detach partition clicks_{day:%Y_%m_%d} concurrently".encode())
    connection.execute("comment on table clicks_2020_03_01 is 'adclicks: past the retention, to be dropped'")

    assert drop_days(connection, date(2020, 3, 1)) == []
    assert drop_days(connection, date(2020, 6, 1)) == [ours]
    assert connection.execute("select to_regclass('clicks_2020_03_02') is not null").fetchone() == (True,)


def test_partitions_that_are_not_ours_are_left_alone(connection: psycopg.Connection, topic: Topic) -> None:
    """A default partition, a year's, one with an impossible date: our days are made and dropped beside them."""
    connection.execute("create table clicks_default partition of clicks default")
    connection.execute("create table clicks_2019 partition of clicks for values from ('2019-01-01') to ('2020-01-01')")
    connection.execute(
        "create table clicks_2018_99_99 partition of clicks for values from ('2018-01-01') to ('2018-01-02')"
    )
    # Its name says another day than its bounds.
    connection.execute(
        "create table clicks_2017_01_01 partition of clicks for values from ('2017-01-02') to ('2017-01-03')"
    )
    old = date(2020, 4, 1)
    create_day(connection, old)
    place(connection, topic, 0)
    # No table for it: it goes into the default partition, and no batch waits for that one's lock.
    unknown = date(2031, 1, 4)
    assert Store(connection, topic).write(batch_of([new_click()], today=unknown)).stored == 1

    assert drop_days(connection, date(2020, 6, 1)) == [old]
    assert {"clicks_2019", "clicks_2018_99_99", "clicks_2017_01_01", "clicks_default"} == set(
        partitions(connection).foreign
    )
    for table in partitions(connection).foreign:
        connection.execute(f"drop table {table}".encode())


def _detach(connection: psycopg.Connection, table: str) -> None:
    with pytest.raises(psycopg.OperationalError):
        connection.execute(f"alter table clicks detach partition {table} concurrently".encode())


def _require_pending(connection: psycopg.Connection) -> None:
    found = connection.execute("select count(*) from pg_inherits where inhdetachpending").fetchone()
    assert found == (1,)
