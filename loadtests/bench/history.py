"""A long history: millions of clicks, made by the database itself, with every sum and ledger row that belongs to them."""

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path

import psycopg
from psycopg import sql

from bench import backlog
from bench.measurement import NotMeasured
from bench.pipeline import PARTITIONS
from consumer.days import create_day

DAYS = 365
# As many as the machine has cores would leave none for the writing of the log.
_CONNECTIONS = 2
# 1.5 million took 599 bytes each, and the write-ahead log is at most 4 GB more; a third to spare.
_BYTES_A_CLICK = 800
_SUM_TABLES = ("clicks_by_minute", "clicks_by_hour", "clicks_by_day", "clicks_by_month")
_TABLES = ("click_ids", "clicks", *_SUM_TABLES)
TOPIC = "history"

Connect = Callable[[], psycopg.Connection]


@dataclass(frozen=True)
class _Index:
    """``definition``: what makes it again; ``drop``: what removes it."""

    drop: sql.Composed
    create: sql.Composed


def fill(connect: Connect, clicks: int, today: date, folder: Path) -> None:
    """Fills an empty database with ``clicks`` clicks of ``backlog.ADS`` ads over the ``DAYS`` before ``today``.

    Indexes are taken away and made again at the end, which is several times as fast. Raises ``NotMeasured`` where ``folder``,
    which the database lies in, has too little room.
    """
    _require_room(clicks, folder)
    with connect() as connection:
        indexes = _indexes(connection)
        for index in indexes:
            connection.execute(index.drop)
        days = [today - timedelta(days=DAYS - number) for number in range(DAYS)]
        for day in days:
            create_day(connection, day)
        _fill_days(connect, days, clicks)
        _execute_all(connection, _SUMS)
        _in_parallel(connect, [[index.create] for index in indexes])
        connection.execute("vacuum (analyze, freeze)")
        connection.execute("checkpoint")


def read_sums(connect: Connect) -> None:
    """Reads all sums and their primary keys once, so that memory holds what it holds of them in a store that is asked a lot."""
    with connect() as connection:
        for table in map(sql.Identifier, _SUM_TABLES):
            connection.execute("set enable_seqscan = on")
            connection.execute(sql.SQL("select sum(clicks) from {}").format(table))
            connection.execute("set enable_seqscan = off")
            connection.execute(sql.SQL("select count(ad_id) from {}").format(table))


def _require_room(clicks: int, folder: Path) -> None:
    needed, free = clicks * _BYTES_A_CLICK, shutil.disk_usage(folder).free
    if free < needed:
        raise NotMeasured(
            f"needs {needed / 1e9:.0f} GB in {folder}, which has {free / 1e9:.0f} GB left: "
            "set TMPDIR to a larger disk, or take fewer clicks with --history"
        )


def _indexes(connection: psycopg.Connection) -> list[_Index]:
    """Of the large tables, whatever the schema has: constraints first, because an index may belong to one."""
    found: list[_Index] = []
    constraints = connection.execute(
        "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint "
        "where conrelid = any(%s::regclass[]) and contype in ('p', 'u')",
        (list(_TABLES),),
    ).fetchall()
    for table, name, definition in constraints:
        words = {"table": sql.Identifier(table), "name": sql.Identifier(name), "definition": sql.SQL(definition)}
        found.append(
            _Index(
                sql.SQL("alter table {table} drop constraint {name}").format(**words),
                sql.SQL("alter table {table} add constraint {name} {definition}").format(**words),
            )
        )
    indexes = connection.execute(
        "select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index where indrelid = any(%s::regclass[]) "
        "and not exists (select from pg_constraint where conindid = indexrelid)",
        (list(_TABLES),),
    ).fetchall()
    for name, definition in indexes:
        # Of a partitioned table it says ONLY, which would leave each day without its own.
        create = sql.Composed([sql.SQL(definition.replace(" ON ONLY ", " ON "))])
        found.append(_Index(sql.SQL("drop index {}").format(sql.Identifier(name)), create))
    return found


def _fill_days(connect: Connect, days: Sequence[date], clicks: int) -> None:
    statement = (files("bench") / "history.sql").read_text().encode()
    ids = [backlog.ad_id(number) for number in range(backlog.ADS)]
    share, rest = divmod(clicks, len(days))

    def fill_some(numbers: range) -> None:
        with connect() as connection:
            for number in numbers:
                many = share + (number < rest)
                if many:
                    values = {
                        "day": days[number],
                        "clicks": many,
                        "ads": len(ids),
                        "ad_ids": ids,
                        "partitions": PARTITIONS,
                    }
                    connection.execute(statement, values)
                    _execute_all(connection, [_of_day(part, days[number]) for part in _DAY])

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        list(pool.map(fill_some, [range(start, len(days), _CONNECTIONS) for start in range(_CONNECTIONS)]))


def _of_day(statement: str, day: date) -> sql.Composed:
    return sql.SQL(statement).format(day=sql.Literal(day), table=sql.Identifier(f"clicks_{day:%Y_%m_%d}"))


def _in_parallel(connect: Connect, groups: Sequence[Sequence[sql.Composed]]) -> None:
    def execute(group: Sequence[sql.Composed]) -> None:
        with connect() as connection:
            connection.execute("set maintenance_work_mem = '512MB'")
            _execute_all(connection, group)

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        list(pool.map(execute, groups))


def _execute_all(connection: psycopg.Connection, statements: Sequence[sql.Composed]) -> None:
    for statement in statements:
        connection.execute(statement)


_DAY = (
    "insert into click_ids (click_id, received_at) select click_id, received_at from {table}",
    "insert into clicks_by_minute (ad_id, minute, kafka_partition, clicks, first_day, last_day) "
    "select ad_id, date_trunc('minute', clicked_at, 'UTC'), kafka_partition, count(*), {day}, {day} "
    "from {table} group by 1, 2, 3",
    "insert into clicks_by_hour (ad_id, hour, kafka_partition, clicks) "
    "select ad_id, date_trunc('hour', clicked_at, 'UTC'), kafka_partition, count(*) from {table} group by 1, 2, 3",
    "insert into clicks_by_day (ad_id, day, kafka_partition, clicks) "
    "select ad_id, date_trunc('day', clicked_at, 'UTC'), kafka_partition, count(*) from {table} group by 1, 2, 3",
)
_SUMS = tuple(
    sql.Composed([sql.SQL(statement)])
    for statement in (
        "insert into clicks_by_month (ad_id, month, kafka_partition, clicks) "
        "select ad_id, date_trunc('month', day, 'UTC'), kafka_partition, sum(clicks)::bigint "
        "from clicks_by_day group by 1, 2, 3",
        "insert into ad_totals (ad_id, kafka_partition, clicks, duplicates) "
        "select ad_id, kafka_partition, sum(clicks)::bigint, 0 from clicks_by_month group by 1, 2",
        "insert into seen_ads (ad_id, name) select distinct ad_id, 'history' from ad_totals",
        f"insert into ledger (topic, topic_id, kafka_partition, next_offset, stored) "  # noqa: S608 our own name
        f"select '{TOPIC}', '{TOPIC}', kafka_partition, sum(clicks)::bigint, sum(clicks)::bigint from ad_totals group by 3",
    )
)
