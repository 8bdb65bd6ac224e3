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
from consumer.batch import Batch, Reject, reject_only_row, split
from consumer.ledger import LedgerAhead, positions
from consumer.live_totals import LiveTotals
from consumer.rejects import RejectSink
from consumer.store import LedgerMoved, Store, Topic, Written

T = TypeVar("T")
TOPIC_CHECK_SECONDS = 5.0
_LEDGER_CHECK = "every_offset_is_accounted_for"
_REFUSALS = (psycopg.DataError, psycopg.IntegrityError)
_log = structlog.get_logger()


class Stopped(Exception):
    """The worker stops: what is not written yet is left for the next one."""


class TopicRecreated(Exception):
    """There is another topic of that name now: its offsets begin at 0, and so does its ledger. Start anew."""


class Writer:
    """One connection to PostgreSQL, made anew whenever it is lost. Waits as long as PostgreSQL or Kafka are away.

    ``on_wait`` is called before each wait, so that a worker that waits does not look like one that hangs.
    ``while_storing`` is entered for as long as a batch waits for PostgreSQL alone.
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
        """Takes ``batch`` in, in one transaction, or in several where PostgreSQL refuses one of its rows.

        Raises ``LedgerMoved``: what is left of the batch was not written. Raises ``Stopped``.
        """
        written: list[Written] = []
        sent: set[Reject] = set()
        todo = [batch]
        while todo:
            part = todo.pop()
            self._insist(partial(self._send_rejects, part, sent))
            try:
                with self._while_storing():
                    written.append(self._insist(partial(self._write, part)))
            except _REFUSALS as error:
                todo += reversed(self._after_refusal(part, error))
            except LedgerMoved as moved:
                # Perhaps it was us: a commit whose answer was lost. Then Redis has not had these totals.
                self._live_totals.adopt(moved.partitions)
                raise
            else:
                self._live_totals.update(written[-1])
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

    def _write(self, batch: Batch) -> Written:
        return self._open_store().write(batch)

    def _after_refusal(self, batch: Batch, error: psycopg.Error) -> list[Batch]:
        if error.diag.constraint_name == _LEDGER_CHECK:
            # Our own arithmetic would be wrong. Rejecting rows for that would lose good clicks.
            raise error
        if "no partition of relation" in str(error):
            self._open_store().forget_days()
            return [batch]
        if len(batch.rows) > 1:
            return split(batch)
        _log.warning("postgresql refused a row", error=str(error).splitlines()[0])
        return [reject_only_row(batch, f"PostgreSQL refused it: {str(error).splitlines()[0]}")]

    def _insist(self, step: Callable[[], T]) -> T:
        """Repeats ``step`` until PostgreSQL and Kafka are there to take it."""
        attempt = 0
        while True:
            if self._stopping.is_set() and attempt > 0:
                raise Stopped
            try:
                return step()
            except _REFUSALS:
                raise
            except (psycopg.Error, SchemaError) as error:
                self._disconnect(error)
            except (KafkaUnavailableError, LedgerAhead) as error:
                _log.error("kafka", error=str(error))
            attempt += 1
            self._on_wait()
            self._stopping.wait(self._backoff.delay_seconds(attempt, self._random))

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
