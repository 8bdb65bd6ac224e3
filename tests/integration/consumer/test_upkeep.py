"""Upkeep: what is past the retention or the horizon goes, by the time it was stored; and nothing ends it silently."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from adclicks.audit import AUDIT_SQL, audit
from adclicks.settings import read
from consumer.click_ids import Interrupted, forget_ids
from consumer.days import partitions
from consumer.metrics import UpkeepMetrics
from consumer.settings import ConsumerSettings
from consumer.store import Store, Topic
from consumer.upkeep import DAYS_AHEAD, Upkeep, UpkeepFailed
from testbed import http
from testbed.batches import batch_of, place
from testbed.clicks import new_click
from testbed.installation import Installation
from testbed.polling import eventually, eventually_async
from testbed.services import Service

MakeInstallation = Callable[..., Installation]


@pytest.fixture
def registry() -> CollectorRegistry:
    """Metrics of the test alone."""
    return CollectorRegistry()


@pytest.fixture
def fresh(make_installation: MakeInstallation) -> Installation:
    """A database that no upkeep has seen."""
    return make_installation(partitions=1)


def upkeep_of(installation: Installation, registry: CollectorRegistry) -> Upkeep:
    """With a retention of 10 days and a horizon of 5."""
    settings = read(
        ConsumerSettings, {**installation.environment, "CLICK_RETENTION_DAYS": "10", "DEDUP_HORIZON_DAYS": "5"}
    )
    return Upkeep(settings, UpkeepMetrics(registry))


def test_a_click_received_long_ago_is_known_for_a_full_horizon(
    fresh: Installation, topic: Topic, registry: CollectorRegistry
) -> None:
    """A replayed record is weeks old when it is stored. Sent again after a round of upkeep, it is a duplicate; and its raw
    click is kept for a full retention."""
    old = new_click(received_at=(datetime.now(UTC) - timedelta(days=40)).isoformat())
    with fresh.connect() as connection:
        place(connection, topic, 0)
        store = Store(connection, topic)
        assert store.write(batch_of([old])).stored == 1

        upkeep_of(fresh, registry).once()

        again = store.write(batch_of([old], begin=1))
        assert (again.stored, again.duplicates) == (0, 1)
        assert connection.execute("select click_id::text from clicks").fetchall() == [(old["clickId"],)]


def test_old_days_are_dropped_and_their_sums_stay(
    fresh: Installation, topic: Topic, registry: CollectorRegistry
) -> None:
    """Raw clicks stored before the retention and ids stored before the horizon go; counters stay; the audit adds up."""
    now = datetime.now(UTC)
    clicks = [new_click(), new_click(), new_click()]
    recent, new = clicks[1:]
    with fresh.connect() as connection:
        place(connection, topic, 0)
        store = Store(connection, topic)
        for offset, (click, age) in enumerate(zip(clicks, (11, 7, 1), strict=True)):
            stored = now - timedelta(days=age)
            store.write(batch_of([click], begin=offset, today=stored.date()))
            connection.execute("update click_ids set stored_at = %s where click_id = %s", (stored, click["clickId"]))

        upkeep = upkeep_of(fresh, registry)
        upkeep.once()
        upkeep.once()

        ids = connection.execute("select click_id::text from clicks").fetchall()
        assert {row[0] for row in ids} == {recent["clickId"], new["clickId"]}
        known = connection.execute("select click_id::text from click_ids").fetchall()
        assert {row[0] for row in known} == {new["clickId"]}
        assert connection.execute("select sum(clicks)::int from clicks_by_day").fetchall() == [(3,)]
        assert audit(connection.execute(AUDIT_SQL).fetchall(), None).adds_up

        # Within the horizon a repeat is known; past it, it counts as new.
        again = store.write(batch_of([recent, new], begin=3))
        assert (again.stored, again.duplicates) == (1, 1)
        days = {now.date() + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1)}
        assert days <= partitions(connection).known()
    assert registry.get_sample_value("adclicks_upkeep_days_ahead") == DAYS_AHEAD
    assert registry.get_sample_value("adclicks_upkeep_success_timestamp_seconds") == pytest.approx(
        now.timestamp(), abs=600
    )


def test_many_old_ids_are_removed_in_steps(connection: psycopg.Connection) -> None:
    """More than one step's worth goes in one call, and nothing younger, also where space was used again."""
    fill = "insert into click_ids (click_id, stored_at) select gen_random_uuid(), %s from generate_series(1, %s)"
    old, new, before = (datetime(year, 1, 1, tzinfo=UTC) for year in (2001, 2003, 2002))
    going_on = threading.Event()
    connection.execute(fill, (old, 45_000))

    assert forget_ids(connection, before, going_on) == 45_000
    connection.execute("vacuum click_ids")
    for at, many in ((new, 10_000), (old, 10_000), (new, 10_000)):
        connection.execute(fill, (at, many))
    assert forget_ids(connection, before, going_on) == 10_000
    assert forget_ids(connection, before, going_on) == 0
    assert forget_ids(connection, new + timedelta(days=1), going_on) == 20_000


def test_a_purge_ends_with_the_process(connection: psycopg.Connection) -> None:
    """A pass over a billion ids takes minutes; a shutdown has seconds."""
    connection.execute("insert into click_ids (click_id) select gen_random_uuid() from generate_series(1, 1000)")
    stopping = threading.Event()
    stopping.set()

    with pytest.raises(Interrupted):
        forget_ids(connection, datetime.now(UTC), stopping)


def test_a_default_partition_ends_nothing(fresh: Installation, registry: CollectorRegistry) -> None:
    """Days are made and dropped beside it."""
    fresh.sql("create table clicks_default partition of clicks default")
    fresh.sql("create table clicks_2019_01_01 partition of clicks for values from ('2019-01-01') to ('2019-01-02')")

    upkeep_of(fresh, registry).once()

    assert fresh.sql("select to_regclass('clicks_2019_01_01')::text") == [(None,)]
    assert registry.get_sample_value("adclicks_upkeep_days_ahead") == DAYS_AHEAD


def test_a_task_that_fails_is_counted_and_the_others_are_done(
    fresh: Installation, topic: Topic, registry: CollectorRegistry
) -> None:
    """The default partition has rows of a day that is to be made: days and ids that are too old go all the same."""
    fresh.sql("create table clicks_default partition of clicks default")
    fresh.sql("create table clicks_2019_01_01 partition of clicks for values from ('2019-01-01') to ('2019-01-02')")
    fresh.sql("insert into click_ids (click_id, stored_at) values (gen_random_uuid(), '2019-01-01')")
    with fresh.connect() as connection:
        place(connection, topic, 0)
        Store(connection, topic).write(batch_of([new_click()]))

    with pytest.raises(UpkeepFailed, match="make days"):
        upkeep_of(fresh, registry).once()

    assert fresh.sql("select to_regclass('clicks_2019_01_01')::text") == [(None,)]
    assert fresh.sql("select count(*) from click_ids") == [(1,)]
    assert registry.get_sample_value("adclicks_upkeep_failures_total", {"task": "make days"}) == 1
    assert registry.get_sample_value("adclicks_upkeep_success_timestamp_seconds") == 0


def test_the_pool_tells_of_its_upkeep(pool: Service) -> None:
    """Its parent process does it, and its metrics are among those of the workers."""

    def look() -> None:
        metrics = http.get(pool.url, "/metrics").body.decode()
        assert f"adclicks_upkeep_days_ahead {float(DAYS_AHEAD)}" in metrics
        assert "adclicks_upkeep_success_timestamp_seconds 1." in metrics

    eventually(look)


def test_no_exception_ends_it(
    fresh: Installation, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that nobody thought of: it is counted, and tried again."""
    upkeep = upkeep_of(fresh, registry)
    rounds: list[None] = []

    def once() -> None:
        rounds.append(None)
        if len(rounds) < 3:
            raise ValueError("unheard of")

    async def run() -> None:
        task = asyncio.create_task(upkeep.run())
        await eventually_async(lambda: _require(len(rounds) == 3))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    monkeypatch.setattr(upkeep, "once", once)
    monkeypatch.setattr("consumer.upkeep._RETRY_SECONDS", 0.01)
    asyncio.run(run())

    assert registry.get_sample_value("adclicks_upkeep_failures_total", {"task": "round"}) == 2


def test_a_round_that_waits_ends_with_the_process(fresh: Installation, registry: CollectorRegistry) -> None:
    """A detach waits for a long report: the shutdown does not wait for both."""
    fresh.sql("create table clicks_2019_01_01 partition of clicks for values from ('2019-01-01') to ('2019-01-02')")
    upkeep = upkeep_of(fresh, registry)

    async def run() -> None:
        task = asyncio.create_task(upkeep.run())
        await eventually_async(lambda: _require(bool(fresh.sql("select 1 from pg_inherits where inhdetachpending"))))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with fresh.connect() as reader, reader.transaction():
        reader.execute("select count(*) from clicks")
        asyncio.run(run())
        assert (
            fresh.sql(
                "select 1 from pg_stat_activity where application_name = 'adclicks-upkeep' "
                "and datname = current_database() and state = 'active'"
            )
            == []
        )


def _require(holds: bool) -> None:
    assert holds
