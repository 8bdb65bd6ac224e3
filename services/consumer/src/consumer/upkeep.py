"""What has to be done now and then: the next days' tables made, old raw clicks and old click ids removed."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import psycopg
import structlog

from adclicks import postgres
from consumer.settings import ConsumerSettings
from consumer.store import create_day

INTERVAL_SECONDS = 600.0
_RETRY_SECONDS = 10.0
_DAYS_AHEAD = 2
# Ids removed in one transaction: long enough to be worth it, short enough that no writer waits for it.
_IDS_A_STEP = 20_000
# Any fixed number: one pool at a time is enough.
_LOCK = 7_214_003
_log = structlog.get_logger()


class Upkeep:
    """Runs in the pool's parent; of several pools one does the work."""

    def __init__(self, settings: ConsumerSettings) -> None:
        self._settings = settings

    async def run(self) -> None:
        """For ever; a failure is logged and tried again."""
        while True:
            try:
                await asyncio.to_thread(self.once, datetime.now(UTC))
                await asyncio.sleep(INTERVAL_SECONDS)
            except psycopg.Error as error:
                _log.warning("upkeep", error=str(error).splitlines()[0] if str(error) else repr(error))
                await asyncio.sleep(_RETRY_SECONDS)

    def once(self, now: datetime) -> None:
        """One round, as of ``now``. Raises ``psycopg.Error``."""
        with postgres.connect(self._settings.postgres, "adclicks-upkeep", autocommit=True) as connection:
            locked = connection.execute("select pg_try_advisory_lock(%s)", (_LOCK,)).fetchone()
            if not locked or not locked[0]:
                return
            for ahead in range(_DAYS_AHEAD + 1):
                create_day(connection, now.date() + timedelta(days=ahead))
            drop_days(connection, now.date() - timedelta(days=self._settings.retention_days))
            forget_ids(connection, now - timedelta(days=self._settings.horizon_days))


def drop_days(connection: psycopg.Connection, oldest: date) -> list[date]:
    """Drops the raw clicks received before ``oldest``; their sums stay. Returns the days."""
    rows = connection.execute(
        "select inhrelid::regclass::text, substring(relname from 'clicks_(.*)'), inhdetachpending from pg_inherits "
        "join pg_class on pg_class.oid = inhrelid where inhparent = 'clicks'::regclass"
    ).fetchall()
    dropped = []
    for table, name, cut_short in sorted(rows, key=lambda row: not row[2]):
        day = datetime.strptime(name, "%Y_%m_%d").replace(tzinfo=UTC).date()
        if day < oldest:
            # Without CONCURRENTLY a long report on an old day would make every consumer wait for this lock. One that lost
            # its connection half-way has to be finished first: until then no other one can begin.
            how = "finalize" if cut_short else "concurrently"
            connection.execute(f"alter table clicks detach partition {table} {how}".encode())
            connection.execute(f"drop table {table}".encode())
            dropped.append(day)
            _log.info("raw clicks dropped", received_on=str(day))
    return dropped


def forget_ids(connection: psycopg.Connection, before: datetime) -> int:
    """Removes the click ids first received before ``before``, in steps; returns how many."""
    removed = 0
    while True:
        step = connection.execute(
            "delete from click_ids where ctid = any(array("
            "select ctid from click_ids where received_at < %s limit %s for update skip locked))",
            (before, _IDS_A_STEP),
        ).rowcount
        removed += step
        if step < _IDS_A_STEP:
            return removed
