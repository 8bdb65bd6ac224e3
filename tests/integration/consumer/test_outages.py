"""PostgreSQL or Kafka away: the pool waits and goes on. Nothing is lost, and nothing restarts."""

from testbed.clicks import encode, new_click
from testbed.installation import Installation, by_ad
from testbed.polling import eventually
from testbed.services import Service


def test_postgresql_away_is_waited_for(installation: Installation, pool: Service) -> None:
    """Clicks that come while PostgreSQL is stopped are counted after its start, by the same worker."""
    installation.settled()
    (worker,) = pool.workers()
    clicks = [new_click() for _ in range(300)]
    installation.infra.postgres.stop()
    try:
        installation.produce([encode(click) for click in clicks])
        eventually(lambda: require("postgresql" in pool.log_text()))
        assert pool.is_healthy("/healthz/live")
    finally:
        installation.infra.postgres.start()

    installation.settled()

    installation.assert_counted_once(by_ad(clicks))
    assert pool.workers() == [worker]
    installation.eventually_live(by_ad(clicks))


def test_a_pool_started_without_postgresql_waits_for_it(installation: Installation, pool: Service) -> None:
    """Started while PostgreSQL is away it stays up, and takes in what waits once PostgreSQL is there."""
    before = installation.counts()
    pool.stop()
    installation.infra.postgres.stop()
    try:
        pool.start()
        installation.produce([encode(new_click()) for _ in range(10)])
        assert pool.is_healthy("/healthz/live")
    finally:
        installation.infra.postgres.start()

    installation.settled()

    assert sum(installation.counts().values()) == sum(before.values()) + 10


def test_a_database_without_a_schema_is_waited_for(installation: Installation, pool: Service) -> None:
    """A pool that comes up before `adclicks migrate` says what is missing, and goes on when it is there."""
    before = sum(installation.counts().values())
    installation.sql("alter table schema_migrations rename to not_yet")
    pool.stop()
    pool.start()
    installation.produce([encode(new_click())])
    eventually(lambda: require("run `adclicks migrate`" in pool.log_text()))

    installation.sql("drop table if exists schema_migrations")
    installation.sql("alter table not_yet rename to schema_migrations")

    installation.settled()
    assert sum(installation.counts().values()) == before + 1


def test_sigterm_ends_the_pool_in_time_while_postgresql_is_away(installation: Installation, pool: Service) -> None:
    """A worker that waits for PostgreSQL does not hold up the shutdown; what it had not stored is stored later."""
    before = sum(installation.counts().values())
    installation.infra.postgres.stop()
    try:
        installation.produce([encode(new_click()) for _ in range(20)])
        log_before = len(pool.log_text())
        eventually(lambda: require("postgresql" in pool.log_text()[log_before:]))
        pool.stop()
        assert pool.child.exit_code() == 0
    finally:
        installation.infra.postgres.start()
    pool.start()

    installation.settled()

    assert sum(installation.counts().values()) == before + 20


def require(holds: bool) -> None:
    """For ``eventually``."""
    assert holds
