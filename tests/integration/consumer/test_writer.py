"""The steps of a batch around its transaction, on real Kafka, PostgreSQL and Valkey, without a consumer group."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest

from adclicks import kafka, redis_totals
from adclicks.settings import read
from consumer.batch import Batch, BatchBuilder, Receipt, Record
from consumer.ledger import positions
from consumer.live_totals import LiveTotals
from consumer.refusal_limit import RefusalLimit
from consumer.rejects import RejectSink
from consumer.settings import ConsumerSettings
from consumer.store import LedgerMoved, Topic
from consumer.writer import Stopped, TopicRecreated, Writer
from testbed.clicks import Json, encode, new_click
from testbed.installation import Installation
from testbed.polling import eventually

MakeWriter = Callable[..., Writer]


@pytest.fixture
def waits() -> list[None]:
    """One for each wait."""
    return []


@pytest.fixture
def halts() -> list[bool]:
    """True where the limit of refused clicks halted a writer, False where it went on."""
    return []


@pytest.fixture
def make_writer(installation: Installation, waits: list[None], halts: list[bool]) -> Iterator[MakeWriter]:
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
        limit = RefusalLimit(0.8, 100)
        made.append(
            Writer(
                connect,
                installation.admin,
                topic,
                rejects,
                live_totals,
                stopping,
                on_wait,
                nullcontext,
                limit,
                halts.append,
            )
        )
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


def ledger_at(installation: Installation) -> int:
    """Where partition 0's ledger stands. Kafka has none of these clicks, and is not asked."""
    topic = Topic(installation.topic, kafka.topic_id(installation.admin, installation.topic))
    with installation.connect() as connection:
        return positions(connection, topic, {0: kafka.Watermarks(0, 2**62)})[0]


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


# Each refuses the clicks with the name "bad", in another way and at another table.
REFUSING = {
    "check": (
        "alter table clicks add constraint no_bad check (name <> 'bad')",
        "alter table clicks drop constraint no_bad",
    ),
    "check on what is summed": (
        "alter table seen_ads add constraint no_bad check (name <> 'bad')",
        "alter table seen_ads drop constraint no_bad",
    ),
    "trigger": (
        "create function no_bad() returns trigger language plpgsql as "
        "$$begin if new.name = 'bad' then raise exception 'no bad ones'; end if; return new; end$$; "
        "create trigger no_bad before insert on clicks for each row execute function no_bad()",
        "drop trigger no_bad on clicks; drop function no_bad()",
    ),
    "deferred": (
        "create function no_bad() returns trigger language plpgsql as "
        "$$begin if new.name = 'bad' then raise check_violation; end if; return null; end$$; "
        "create constraint trigger no_bad after insert on clicks deferrable initially deferred "
        "for each row execute function no_bad()",
        "drop trigger no_bad on clicks; drop function no_bad()",
    ),
}


@pytest.fixture(params=REFUSING)
def refusing(request: pytest.FixtureRequest, installation: Installation) -> Iterator[None]:
    """PostgreSQL refuses the clicks with the name "bad"."""
    begin, end = REFUSING[request.param]
    installation.sql(begin)
    yield
    installation.sql(end)


@pytest.mark.usefixtures("refusing")
def test_every_second_row_is_refused_and_the_others_are_one_transaction(
    installation: Installation, make_writer: MakeWriter, halts: list[bool]
) -> None:
    """However many are refused: the cost does not grow with splits of the batch, each with its commit."""
    writer = make_writer()
    begin = ledger_at(installation)
    letters = len(installation.records(installation.kafka.dead_letter_topic))
    clicks = [new_click(name="bad" if number % 2 else "good", ad_id=str(uuid4())) for number in range(500)]

    (written,) = writer.write(batch(0, begin, clicks))

    assert (written.stored, written.rejected, written.next_offsets) == (250, 250, {0: begin + 500})
    found = installation.records(installation.kafka.dead_letter_topic)[letters:]
    assert sorted(letter.value() or b"" for letter in found) == sorted(encode(click) for click in clicks[1::2])
    assert halts == []


def test_where_all_rows_are_refused_nothing_moves_until_the_cause_is_gone(
    installation: Installation, make_writer: MakeWriter, waits: list[None], halts: list[bool]
) -> None:
    """Not one good click becomes a dead letter, the ledger stands, and the same batch is written once it can be."""
    writer = make_writer(waits_max=3)
    begin = ledger_at(installation)
    letters = len(installation.records(installation.kafka.dead_letter_topic))
    good = batch(0, begin, [new_click() for _ in range(150)])
    installation.sql("alter table clicks add column x integer")
    installation.sql("alter table clicks add constraint x_is_there check (x is not null) not valid")
    try:
        with pytest.raises(Stopped):
            writer.write(good)

        assert (len(waits), halts) == (3, [True])
        assert ledger_at(installation) == begin
        assert len(installation.records(installation.kafka.dead_letter_topic)) == letters
    finally:
        installation.sql("alter table clicks drop column x")
    waits.clear()

    (written,) = make_writer().write(good)

    assert (written.stored, written.rejected) == (150, 0)


def test_a_writer_that_was_halted_goes_on_by_itself(
    installation: Installation, make_writer: MakeWriter, waits: list[None], halts: list[bool]
) -> None:
    """The cause is removed while it waits."""
    writer = make_writer(waits_max=1_000)
    begin = ledger_at(installation)
    installation.sql("alter table clicks add constraint none_at_all check (name is null) not valid")
    with ThreadPoolExecutor(1) as thread:
        writing = thread.submit(writer.write, batch(0, begin, [new_click() for _ in range(150)]))

        def is_halted() -> None:
            assert halts == [True]

        eventually(is_halted)
        installation.sql("alter table clicks drop constraint none_at_all")
        (written,) = writing.result(100)

    assert (written.stored, written.rejected, halts) == (150, 0, [True, False])


def test_what_is_no_row_s_fault_rejects_none(
    installation: Installation, make_writer: MakeWriter, waits: list[None]
) -> None:
    """Each row is fine, the ledger is not to be changed: the batch waits."""
    writer = make_writer(waits_max=2)
    begin = ledger_at(installation)
    letters = len(installation.records(installation.kafka.dead_letter_topic))
    installation.sql("alter table ledger add constraint no_more check (stored < 0) not valid")
    try:
        with pytest.raises(Stopped):
            writer.write(batch(0, begin, [new_click() for _ in range(3)]))
    finally:
        installation.sql("alter table ledger drop constraint no_more")

    assert len(waits) == 2
    assert len(installation.records(installation.kafka.dead_letter_topic)) == letters
