"""Takes a batch through every step until it is in the truth: dead letters, transaction, Redis. Runs in its own thread."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import partial
from random import Random
from typing import TypeVar

import psycopg
import structlog

from adclicks import postgres
from adclicks.backoff import Backoff
from adclicks.kafka import Asker, KafkaUnavailableError, topic_id, watermarks
from adclicks.schema import SchemaError
from consumer.batch import Batch, Place, Reject, place_of, reject_rows, split
from consumer.ledger import LedgerAhead, positions
from consumer.live_totals import LiveTotals
from consumer.refusal_limit import RefusalLimit, RefusalLimitExceeded
from consumer.refusals import REFUSALS, find_refused, is_missing_day
from consumer.rejects import RejectSink
from consumer.store import LedgerMoved, Store, Topic, Written

T = TypeVar("T")
TOPIC_CHECK_SECONDS = 5.0
_LEDGER_CHECK = "every_offset_is_accounted_for"
_log = structlog.get_logger()


class Stopped(Exception):
    """The worker stops: what is not written yet is left for the next one."""


class TopicRecreated(Exception):
    """There is another topic of that name now: its offsets begin at 0, and so does its ledger. Start anew."""


class Writer:
    """One connection to PostgreSQL, made anew whenever it is lost. Waits as long as PostgreSQL or Kafka are away.

    ``on_wait`` is called before each wait, so that a worker that waits does not look like one that hangs. Where PostgreSQL
    refuses more rows than ``limit`` allows it waits as well, with all of the batch kept in Kafka; ``on_halt`` is called
    when that begins (True) and ends (False). ``while_storing`` is entered for as long as a batch waits for PostgreSQL alone.
    """

    def __init__(
        self,
        connect: Callable[[], psycopg.Connection],
        kafka: Asker,
        topic: Topic,
        rejects: RejectSink,
        live_totals: LiveTotals,
        stopping: threading.Event,
        on_wait: Callable[[], None],
        while_storing: Callable[[], AbstractContextManager[None]],
        limit: RefusalLimit,
        on_halt: Callable[[bool], None],
        unregistered_per_hour: int = 0,
    ) -> None:
        self._connect = connect
        self._kafka = kafka
        self._topic = topic
        self._rejects = rejects
        self._live_totals = live_totals
        self._stopping = stopping
        self._on_wait = on_wait
        self._while_storing = while_storing
        self._limit = limit
        self._on_halt = on_halt
        self._halted = False
        self._unregistered_per_hour = unregistered_per_hour
        self._backoff = Backoff()
        self._random = Random()  # noqa: S311 jitter
        self._store: Store | None = None
        self._next_topic_check = 0.0

    def place(self, partitions: Iterable[int]) -> dict[int, int]:
        """Where to read on in each of ``partitions``. Raises ``Stopped``, ``TopicRecreated``."""
        wanted = sorted(partitions)
        found = self._insist(partial(self._positions, wanted))
        self._live_totals.adopt(wanted)
        return found

    def write(self, batch: Batch) -> list[Written]:
        """Takes ``batch`` in, in one transaction, but for the rows that PostgreSQL refuses: they become dead letters.

        Raises ``LedgerMoved``: what is left of the batch was not written. Raises ``Stopped``.
        """
        written: list[Written] = []
        sent: set[Reject] = set()
        refused: set[Place] = set()
        todo = [batch]
        while todo:
            part = todo.pop()
            self._insist(partial(self._send_rejects, part, sent))
            try:
                with self._while_storing():
                    result = self._insist(partial(self._take_in, part, refused))
            except LedgerMoved as moved:
                # Perhaps it was us: a commit whose answer was lost. Then Redis has not had these totals.
                self._live_totals.adopt(moved.partitions)
                raise
            if isinstance(result, Written):
                written.append(result)
                self._live_totals.update(result)
            else:
                todo += reversed(result)
        self._record(batch, refused)
        return written

    def tend(self) -> None:
        """Looks after Redis, and after the topic's identity. Without PostgreSQL or Kafka that waits too."""
        if time.monotonic() >= self._next_topic_check:
            self._next_topic_check = time.monotonic() + TOPIC_CHECK_SECONDS
            with contextlib.suppress(KafkaUnavailableError):
                self._require_same_topic()
        try:
            self._live_totals.tend(self._open_store().connection)
        except (psycopg.Error, SchemaError) as error:
            self._disconnect(error)

    def release(self, partitions: Iterable[int]) -> None:
        """Another consumer has ``partitions`` now."""
        self._live_totals.drop(partitions)

    def close(self) -> None:
        """Gives the connection back."""
        if self._store is not None:
            self._store.connection.close()

    def _positions(self, partitions: list[int]) -> dict[int, int]:
        # Offsets of another topic of that name mean nothing in this ledger; reading from them would skip clicks.
        self._require_same_topic()
        return positions(
            self._open_store().connection, self._topic, watermarks(self._kafka, self._topic.name, partitions)
        )

    def _require_same_topic(self) -> None:
        if topic_id(self._kafka, self._topic.name) != self._topic.id:
            raise TopicRecreated(self._topic.name)

    def _send_rejects(self, batch: Batch, sent: set[Reject]) -> None:
        unsent = [reject for reject in batch.rejects if reject not in sent]
        if unsent:
            self._rejects.send(unsent)
            sent.update(unsent)

    def _take_in(self, batch: Batch, refused: set[Place]) -> Written | list[Batch]:
        """What was written, or, where PostgreSQL refuses rows of ``batch``, what to write instead; adds to ``refused``."""
        try:
            return self._open_store().write(batch)
        except REFUSALS as error:
            if error.diag.constraint_name == _LEDGER_CHECK:
                raise
            if is_missing_day(error):
                self._open_store().forget_days()
                return [batch]
            return self._after_refusal(batch, error, refused)

    def _after_refusal(self, batch: Batch, error: psycopg.Error, refused: set[Place]) -> list[Batch]:
        reasons = find_refused(self._open_store().connection, batch.rows, self._limit.check)
        if reasons:
            _log.warning("postgresql refused rows", rows=len(reasons), error=next(iter(reasons.values())))
            refused.update(reasons)
            return [
                reject_rows(batch, {place: f"PostgreSQL refused it: {reason}" for place, reason in reasons.items()})
            ]
        if len(batch.rows) > 1:
            return split(batch)
        # Not a row's fault: rejecting it would lose a good click.
        raise error

    def _record(self, batch: Batch, refused: set[Place]) -> None:
        if refused:
            self._limit.record([place_of(row.record) in refused for row in batch.rows])
        else:
            self._limit.record_stored(len(batch.rows))

    def _insist(self, step: Callable[[], T]) -> T:
        """Repeats ``step`` until PostgreSQL and Kafka are there to take it."""
        attempt = 0
        while True:
            if self._stopping.is_set() and attempt > 0:
                raise Stopped
            try:
                result = step()
            except RefusalLimitExceeded as error:
                self._halt(True)
                _log.error(
                    "postgresql refuses too many clicks; they are kept in kafka and tried again", error=str(error)
                )
            except (psycopg.Error, SchemaError) as error:
                if isinstance(error, psycopg.Error) and error.diag.constraint_name == _LEDGER_CHECK:
                    # Our own arithmetic would be wrong, and waiting would not mend it.
                    raise
                self._disconnect(error)
            except (KafkaUnavailableError, LedgerAhead) as error:
                _log.error("kafka", error=str(error))
            else:
                self._halt(False)
                return result
            attempt += 1
            self._on_wait()
            self._stopping.wait(self._backoff.delay_seconds(attempt, self._random))

    def _halt(self, halted: bool) -> None:
        if halted != self._halted:
            self._halted = halted
            self._on_halt(halted)

    def _open_store(self) -> Store:
        if self._store is None or self._store.connection.closed:
            self._store = Store(self._connect(), self._topic, self._unregistered_per_hour)
        return self._store

    def _disconnect(self, error: Exception) -> None:
        lost = self._store is None or postgres.must_be_left(self._store.connection, error)
        _log.warning("postgresql", error=postgres.first_line(error), connection_lost=lost)
        if self._store is not None and lost:
            self._store.connection.close()
            self._store = None
