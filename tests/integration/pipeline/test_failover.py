"""PostgreSQL fails over: the services leave the server that takes no writes, and find the one that does."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from localstack.guardian import Guardian
from localstack.ports import HOST
from localstack.stack import InfraStack
from testbed import http
from testbed.clicks import encode, new_click
from testbed.installation import Installation, by_ad
from testbed.polling import eventually
from testbed.services import Service
from testbed.standby import STANDBY_HOST, Standby


@pytest.fixture(scope="module")
def analytics(installation: Installation) -> Service:
    """A worker that answers."""
    return installation.service("analytics")


@pytest.fixture
def read_only(infra: InfraStack) -> Iterator[None]:
    """All sessions of the server, also those that are open, take no writes."""
    with infra.postgres.connect("postgres") as connection:
        connection.execute("alter system set default_transaction_read_only = on")
        connection.execute("select pg_reload_conf()")
        yield
        connection.execute("set default_transaction_read_only = off")
        connection.execute("alter system reset default_transaction_read_only")
        connection.execute("select pg_reload_conf()")


def post(service: Service) -> int:
    """The status of a new ad."""
    with http.client(service.url) as client:
        return client.post("/ads", encode({"name": "an ad"})).status


def pooled(installation: Installation) -> list[int]:
    """The process ids of the sessions of analytics."""
    rows = installation.sql(
        "select pid from pg_stat_activity where datname = current_database() and application_name = 'adclicks-analytics'"
    )
    return [pid for (pid,) in rows]


def test_a_server_that_takes_no_writes_is_503_and_left(
    analytics: Service, installation: Installation, request: pytest.FixtureRequest
) -> None:
    """Its sessions are given up: they could be those of a demoted primary. What is read is answered."""
    assert post(analytics) == 201
    before = set(pooled(installation))
    request.getfixturevalue("read_only")

    def refused() -> None:
        assert post(analytics) == 503

    # A reload reaches each session by itself.
    eventually(refused)
    assert analytics.get("/ads").status == 200
    assert not before & set(pooled(installation))


@pytest.mark.parametrize("path", ["/audit", "/ads", "POST"])
def test_dead_pooled_connections_cost_no_answer(analytics: Service, installation: Installation, path: str) -> None:
    """All of them died while they were idle: neither the first reader nor the first writer gets an error."""
    assert analytics.get("/ads").status == 200
    installation.sql(
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity "
        "where datname = current_database() and application_name = 'adclicks-analytics'"
    )

    status = post(analytics) if path == "POST" else analytics.get(path).status

    assert status == (201 if path == "POST" else 200)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a second local address")
def test_services_follow_the_primary(
    installation: Installation, infra: InfraStack, guardian: Guardian, tmp_path: Path
) -> None:
    """Of two hosts they use the one that takes writes. Between the two a write is 503, never 500; no click is lost."""
    standby = Standby(infra.postgres, tmp_path / "standby", guardian)
    standby.start()
    hosts = f"{HOST},{STANDBY_HOST}"
    analytics = installation.service("analytics", DB_HOST=hosts)
    installation.service("consumer", DB_HOST=hosts)
    first, second = [new_click() for _ in range(50)], [new_click() for _ in range(50)]
    installation.produce([encode(click) for click in first])
    installation.settled()
    assert post(analytics) == 201
    infra.postgres.stop()
    try:
        installation.produce([encode(click) for click in second])
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            assert post(analytics) == 503
        standby.promote()
        eventually(lambda: require(post(analytics) == 201))

        def stored() -> None:
            with standby.connect(installation.environment["DB_NAME"]) as connection:
                rows = connection.execute("select ad_id::text, count(*) from clicks group by 1").fetchall()
                assert dict(rows) == by_ad([*first, *second])

        eventually(stored)
    finally:
        installation.close()
        standby.stop()
        standby.erase()
        infra.postgres.start()


def require(holds: bool) -> None:
    """For ``eventually``."""
    assert holds
