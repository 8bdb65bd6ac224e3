"""The steps of a batch around its transaction, on real Kafka, PostgreSQL and Valkey, without a consumer group."""

import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest

from adclicks import kafka, redis_totals
from adclicks.settings import read
from consumer.batch import Batch, BatchBuilder, Receipt, Record
from consumer.live_totals import LiveTotals
from consumer.rejects import RejectSink
from consumer.settings import ConsumerSettings
from consumer.store import LedgerMoved, Topic
from consumer.writer import Stopped, TopicRecreated, Writer
from testbed.clicks import Json, encode, new_click
from testbed.installation import Installation

MakeWriter = Callable[..., Writer]


@pytest.fixture
def waits() -> list[None]:
    """One for each wait."""
    return []


@pytest.fixture
def make_writer(installation: Installation, waits: list[None]) -> Iterator[MakeWriter]:
    """A writer; after ``waits_max`` waits it is told to stop."""
    made: list[Writer] = []

    def make(
        topic_id: str = "", connect: Callable[[], psycopg.Connection] = installation.connect, waits_max: int = 5
    ) -> Writer:
        settings = read(ConsumerSettings, installation.environment)
        topic = Topic(installation.topic, topic_id or kafka.topic_id(installation.admin, installation.topic))
        stopping = threading.Event()

        def on_wait() -> None:
            waits.append(None)
            if len(waits) >= waits_max:
                stopping.set()

        live_totals = LiveTotals(redis_totals.RedisTotals(installation.redis), topic)
        rejects = RejectSink(settings, topic)
        made.append(Writer(connect, installation.admin, topic, rejects, live_totals, stopping, on_wait, nullcontext))
        return made[-1]

    yield make
    for writer in made:
        writer.close()


def batch(partition: int, begin: int, clicks: list[Json]) -> Batch:
    """Clicks in a row."""
    builder = BatchBuilder()
    for offset, click in enumerate(clicks, begin):
        record = Record(partition, offset, None, encode(click), 0)
        builder.add(offset, record, Receipt.on(datetime.now(UTC).date()))
    return builder.take()


def test_offsets_of_another_topic_of_that_name_are_not_placed(make_writer: MakeWriter) -> None:
    """The topic was recreated: its records must not be read from where the old one's ledger stands."""
    with pytest.raises(TopicRecreated):
        make_writer(topic_id=uuid4().hex).place([0])


def test_a_batch_is_written_at_the_first_try_after_postgresql_is_back(
    installation: Installation, make_writer: MakeWriter, waits: list[None]
) -> None:
    """Each failure is waited out; nothing is written twice."""
    failures = iter([psycopg.OperationalError("away"), psycopg.OperationalError("still away")])

    def connect() -> psycopg.Connection:
        for failure in failures:
            raise failure
        return installation.connect()

    writer = make_writer(connect=connect)
    assert writer.place([0]) == {0: 0}
    assert len(waits) == 2

    (written,) = writer.write(batch(0, 0, [new_click(), new_click()]))

    assert (written.stored, written.next_offsets) == (2, {0: 2})


def test_a_connection_that_is_cut_in_a_batch_is_made_anew(installation: Installation, make_writer: MakeWriter) -> None:
    """Terminated by the server between two batches: the second one is written all the same."""
    connections: list[psycopg.Connection] = []

    def connect() -> psycopg.Connection:
        connections.append(installation.connect())
        return connections[-1]

    writer = make_writer(connect=connect)
    writer.place([1])
    writer.write(batch(1, 0, [new_click()]))
    installation.sql("select pg_terminate_backend(%(pid)s)", {"pid": connections[0].info.backend_pid})

    (written,) = writer.write(batch(1, 1, [new_click()]))

    assert written.next_offsets == {1: 2}
    assert len(connections) == 2


def test_a_server_that_takes_no_writes_is_left(
    installation: Installation, make_writer: MakeWriter, waits: list[None]
) -> None:
    """It was demoted, and the session with it stays open: a new one reaches the primary."""
    connections: list[psycopg.Connection] = []

    def connect() -> psycopg.Connection:
        connections.append(installation.connect())
        return connections[-1]

    writer = make_writer(connect=connect)
    writer.place([3])
    connections[0].execute("set default_transaction_read_only = on")

    (written,) = writer.write(batch(3, 0, [new_click()]))

    assert (written.stored, len(connections), len(waits)) == (1, 2, 1)


def test_a_batch_that_was_written_by_another_is_not_insisted_on(
    installation: Installation, make_writer: MakeWriter
) -> None:
    """The caller is told, and asks the ledger again."""
    installation.produce([encode(new_click())], partition=2)
    one, other = make_writer(), make_writer()
    one.place([2])
    other.place([2])
    one.write(batch(2, 0, [new_click()]))

    with pytest.raises(LedgerMoved):
        other.write(batch(2, 0, [new_click()]))

    assert other.place([2]) == {2: 1}


def test_a_writer_that_is_told_to_stop_stops_waiting(make_writer: MakeWriter, waits: list[None]) -> None:
    """PostgreSQL does not come back: the wait ends with the worker."""

    def connect() -> psycopg.Connection:
        raise psycopg.OperationalError("away")

    with pytest.raises(Stopped):
        make_writer(connect=connect, waits_max=3).place([3])
    assert len(waits) == 3
