"""The daily tables of raw clicks, made and dropped while ``clicks`` is read and written.

None of it takes a lock that conflicts with readers or writers of ``clicks``: with one, a single long reader (pg_dump, a
recount) would hold up the statement, and behind it every insert.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import psycopg
import structlog
from psycopg import sql

# Any fixed number: it keeps two consumers from making the same day's table at once.
_DAYS_LOCK = 7_214_002
# For a lock on a daily table, or for another statement that changes the set of partitions; then the caller tries again.
_LOCK_TIMEOUT = "5s"
_EXCLUSIVE_LOCK_TIMEOUT = "500ms"
# Set on a table before it is detached. Only a table with it is dropped: one that somebody detached to keep it has none.
_MARK = "adclicks: past the retention, to be dropped"
_NAME = re.compile(r"clicks_(\d{4})_(\d{2})_(\d{2})")
_log = structlog.get_logger()

_PARTITIONS = """
select relname, oid::regclass::text, pg_get_expr(relpartbound, oid), inhdetachpending
from pg_inherits join pg_class on oid = inhrelid where inhparent = 'clicks'::regclass order by relname
"""
_DETACHED = """
select relname, oid::regclass::text, coalesce(obj_description(oid, 'pg_class'), '')
from pg_class where relkind = 'r' and not relispartition
    and relnamespace = (select relnamespace from pg_class where oid = 'clicks'::regclass) and relname like 'clicks\\_%'
order by relname
"""


@dataclass(frozen=True)
class DailyTable:
    """An attached table of ours. ``table`` is quoted for use in a statement; ``detach_pending``: a detach was cut short."""

    day: date
    table: str
    detach_pending: bool


@dataclass(frozen=True)
class Partitions:
    """What is attached to ``clicks``. ``foreign``: tables that are not ours, and are left alone."""

    days: tuple[DailyTable, ...]
    foreign: tuple[str, ...]
    has_default: bool

    def known(self) -> set[date]:
        """The days that have a table that rows can go into."""
        return {daily.day for daily in self.days if not daily.detach_pending}


def partitions(connection: psycopg.Connection) -> Partitions:
    """Those of ``clicks`` now. The connection's DateStyle must be ISO, as ``adclicks.postgres`` sets it."""
    rows = connection.execute(_PARTITIONS).fetchall()
    days, foreign = [], []
    for name, table, bound, pending in rows:
        day = _day_of(name)
        if day is not None and bound == f"FOR VALUES FROM ('{day}') TO ('{day + timedelta(days=1)}')":
            days.append(DailyTable(day, table, pending))
        else:
            foreign.append(table)
    return Partitions(tuple(days), tuple(foreign), any(bound == "DEFAULT" for _, _, bound, _ in rows))


def create_days(connection: psycopg.Connection, days: Iterable[date]) -> None:
    """Makes the tables of ``days`` that are missing, all or none.

    Raises errors of psycopg: ``LockNotAvailable`` where that has to wait, ``DuplicateTable`` where a table of that name is not
    attached, ``CheckViolation`` where a default partition has rows of such a day.
    """
    if not set(days) - partitions(connection).known():
        return
    with connection.transaction():
        connection.execute(f"set local lock_timeout = '{_LOCK_TIMEOUT}'")
        connection.execute("select pg_advisory_xact_lock(%s)", (_DAYS_LOCK,))
        for day in sorted(set(days) - partitions(connection).known()):
            name = sql.Identifier(f"clicks_{day:%Y_%m_%d}")
            # CREATE TABLE … PARTITION OF would take ACCESS EXCLUSIVE on clicks. ATTACH takes SHARE UPDATE EXCLUSIVE.
            connection.execute(sql.SQL("create table {} (like clicks including all)").format(name))
            connection.execute(
                sql.SQL("alter table clicks attach partition {} for values from ({}) to ({})").format(
                    name, sql.Literal(day), sql.Literal(day + timedelta(days=1))
                )
            )


def create_day(connection: psycopg.Connection, day: date) -> None:
    """``create_days`` for one."""
    create_days(connection, [day])


def drop_days(connection: psycopg.Connection, oldest: date) -> list[date]:
    """Drops the raw clicks stored before ``oldest``; their sums stay. Returns the days.

    ``connection`` must be in autocommit mode, and should have a ``statement_timeout``: a detach waits until all transactions
    that use ``clicks`` have ended. What was cut short is finished by the next call. Raises ``psycopg.Error``.
    """
    found = partitions(connection)
    dropped = _drop_detached(connection, oldest)
    # One that was cut short comes first: until it is finalized, no other can be detached concurrently.
    for daily in sorted(found.days, key=lambda daily: not daily.detach_pending):
        if daily.day < oldest or daily.detach_pending:
            _detach(connection, daily, found.has_default)
        if daily.day < oldest:
            connection.execute(f"set lock_timeout = '{_LOCK_TIMEOUT}'")
            connection.execute(f"drop table {daily.table}".encode())
            _log.info("raw clicks dropped", stored_on=str(daily.day))
            dropped.append(daily.day)
    return dropped


def _detach(connection: psycopg.Connection, daily: DailyTable, has_default: bool) -> None:
    connection.execute(f"set lock_timeout = '{_LOCK_TIMEOUT}'")
    connection.execute(sql.SQL("comment on table {} is {}").format(sql.SQL(daily.table), sql.Literal(_MARK)))
    how = "finalize" if daily.detach_pending else "concurrently"
    if has_default and not daily.detach_pending:
        # PostgreSQL refuses CONCURRENTLY beside a default partition. Without it, inserts wait for as long as this does.
        connection.execute(f"set lock_timeout = '{_EXCLUSIVE_LOCK_TIMEOUT}'")
        how = ""
    connection.execute(f"alter table clicks detach partition {daily.table} {how}".encode())


def _drop_detached(connection: psycopg.Connection, oldest: date) -> list[date]:
    """Those that were detached by a call that did not come to the drop."""
    dropped = []
    connection.execute(f"set lock_timeout = '{_LOCK_TIMEOUT}'")
    for name, table, comment in connection.execute(_DETACHED).fetchall():
        day = _day_of(name)
        if day is None or day >= oldest:
            continue
        if comment != _MARK:
            _log.warning("a detached table is not ours to drop; drop it or rename it by hand", table=table)
            continue
        connection.execute(f"drop table {table}".encode())
        _log.info("raw clicks dropped", stored_on=str(day))
        dropped.append(day)
    return dropped


def _day_of(name: str) -> date | None:
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    try:
        return date(*map(int, match.groups()))
    except ValueError:
        return None
