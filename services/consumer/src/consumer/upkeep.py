"""What has to be done now and then: the next days' tables made, old raw clicks and old click ids removed."""

import asyncio
import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta

import psycopg
import structlog

from adclicks import pooling, postgres, schema
from consumer.click_ids import forget_ids
from consumer.days import create_days, drop_days, partitions
from consumer.metrics import UpkeepMetrics
from consumer.settings import ConsumerSettings

INTERVAL_SECONDS = 600.0
_RETRY_SECONDS = 60.0
# A table that can't be made is noticed, and can be made by hand, long before its day.
DAYS_AHEAD = 7
# Each reads all ids.
_IDS_INTERVAL = timedelta(hours=6)
_IDS_TASK = "click ids"
# A detach waits for every transaction that uses clicks: a report of an hour must not keep the other tasks from their turn.
_SESSION = "set statement_timeout = '60s'; set lock_timeout = '5s'"
_CANCEL_SECONDS = 1.0
# Any fixed number: one pool at a time is enough.
_LOCK = 7_214_003
_log = structlog.get_logger()


class UpkeepFailed(Exception):
    """Some of its tasks failed; the others were done."""


class Upkeep:
    """Runs in the pool's parent; of several pools one does the work. All times are the database's."""

    def __init__(self, settings: ConsumerSettings, metrics: UpkeepMetrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._stopping = threading.Event()
        self._connection: psycopg.Connection | None = None

    async def run(self) -> None:
        """Until cancelled; whatever fails is logged, counted and tried again."""
        while True:
            try:
                await asyncio.to_thread(self.once)
            except asyncio.CancelledError:
                self._interrupt()
                raise
            except UpkeepFailed:
                delay_seconds = _RETRY_SECONDS
            # Whatever it is: nobody would notice that days are no longer made until clicks can't be stored.
            except Exception:
                self._metrics.failed("round")
                _log.exception("upkeep failed", retry_in_seconds=_RETRY_SECONDS)
                delay_seconds = _RETRY_SECONDS
            else:
                delay_seconds = INTERVAL_SECONDS
            await asyncio.sleep(delay_seconds)

    def once(self) -> None:
        """One round. Raises ``UpkeepFailed`` where a task failed, ``psycopg.Error``, ``SchemaError``."""
        with postgres.connect(
            self._settings.postgres, "adclicks-upkeep", autocommit=True, target="read-write"
        ) as connection:
            self._connection = connection
            try:
                pooling.require_own_session(connection, self._settings.postgres)
                schema.check(connection)
                connection.execute(_SESSION)
                locked = connection.execute("select pg_try_advisory_lock(%s)", (_LOCK,)).fetchone()
                if locked and locked[0]:
                    self._do_all(connection)
            finally:
                self._connection = None

    def _do_all(self, connection: psycopg.Connection) -> None:
        row = connection.execute("select now()").fetchone()
        assert row is not None  # noqa: S101 for the type alone
        now: datetime = row[0]
        oldest = now.date() - timedelta(days=self._settings.retention_days)
        tasks: dict[str, Callable[[], object]] = {
            "make days": lambda: create_days(connection, _days_from(now.date())),
            "drop days": lambda: drop_days(connection, oldest),
            "forget ids": lambda: self._forget_ids(connection, now),
        }
        failed = [name for name, task in tasks.items() if not self._succeeds(name, task, connection)]
        self._look(connection, now.date())
        if failed:
            raise UpkeepFailed(", ".join(failed))
        self._metrics.succeeded()

    def _succeeds(self, name: str, task: Callable[[], object], connection: psycopg.Connection) -> bool:
        try:
            task()
        except psycopg.Error as error:
            if connection.broken or self._stopping.is_set():
                raise
            self._metrics.failed(name)
            _log.error("upkeep", task=name, error=postgres.first_line(error), retry_in_seconds=_RETRY_SECONDS)
            return False
        return True

    def _look(self, connection: psycopg.Connection, today: date) -> None:
        found = partitions(connection)
        self._metrics.days_ahead(_days_ahead(found.known(), today))
        for table in found.foreign:
            _log.warning("a partition of clicks is not a daily table of ours; it is left alone", table=table)

    def _forget_ids(self, connection: psycopg.Connection, now: datetime) -> None:
        recent = connection.execute(
            "select from upkeep where task = %s and finished_at > now() - %s", (_IDS_TASK, _IDS_INTERVAL)
        ).rowcount
        if recent:
            return
        forget_ids(connection, now - timedelta(days=self._settings.horizon_days), self._stopping)
        connection.execute(
            "insert into upkeep (task, finished_at) values (%s, now()) "
            "on conflict (task) do update set finished_at = excluded.finished_at",
            (_IDS_TASK,),
        )

    def _interrupt(self) -> None:
        """Ends the round that is under way: the process could not end before it."""
        self._stopping.set()
        connection = self._connection
        if connection is not None:
            connection.cancel_safe(timeout=_CANCEL_SECONDS)


def _days_from(today: date) -> list[date]:
    """Yesterday's too: a worker whose clock is behind still files under it after midnight."""
    return [today + timedelta(days=ahead) for ahead in range(-1, DAYS_AHEAD + 1)]


def _days_ahead(known: set[date], today: date) -> int:
    """How many days after ``today`` have a table, without a gap."""
    ahead = 0
    while today + timedelta(days=ahead + 1) in known:
        ahead += 1
    return ahead
