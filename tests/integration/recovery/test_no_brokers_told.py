"""A broker that wakes up answers once without any broker in its Metadata: whoever is told that must come back by itself.

librdkafka then forgets the brokers that it knew, and may never find one again, with either value of
``metadata.recovery.strategy`` (confluentinc/librdkafka issue 5301).
"""

import pytest

from testbed.load import Load
from testbed.polling import eventually
from testbed.proxied import Proxied
from testbed.services import Service

ROUNDS = 3


@pytest.fixture(scope="module")
def ingest(proxied: Proxied) -> Service:
    """Asks Kafka anew soon."""
    return proxied.installation.service("ingest", KAFKA_ACK_TIMEOUT_SECONDS="2")


@pytest.fixture(scope="module")
def analytics(proxied: Proxied) -> Service:
    """For its audit's lag."""
    return proxied.installation.service("analytics")


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
def test_every_client_comes_back(proxied: Proxied, ingest: Service, analytics: Service, protocol: str) -> None:
    """Producers, consumers and admin clients, several times: all that was acknowledged is stored, and the audit has its lag."""
    group = f"{proxied.installation.topic}-{protocol}"
    pool = proxied.installation.service("consumer", KAFKA_GROUP=group, KAFKA_GROUP_PROTOCOL=protocol)
    clients = {"adclicks-ingest", "adclicks-consumer-0"}
    try:
        with Load(ingest.url, clicks_per_second=50).running() as load:
            for _ in range(ROUNDS):
                goes_on(load)
                eventually(lambda: require_lag(analytics))
                fence(proxied, clients)
                goes_on(load)
                proxied.installation.reconnect()
                read_so_far(proxied)
            eventually(lambda: require_lag(analytics))

        proxied.installation.reconnect()
        load.assert_counted(proxied.installation)
    finally:
        pool.stop()


def fence(proxied: Proxied, clients: set[str]) -> None:
    """Until each of ``clients`` has had a Metadata answer without brokers."""
    proxied.proxy.told.clear()
    proxied.proxy.fenced = True
    proxied.proxy.cut()

    def told() -> None:
        assert clients <= proxied.proxy.told

    try:
        eventually(told)
    finally:
        proxied.proxy.fenced = False


def goes_on(load: Load) -> None:
    """More clicks are acknowledged than there were."""
    reached = len(load.acknowledged)
    eventually(lambda: load.require(reached + 50))


def read_so_far(proxied: Proxied) -> None:
    """All that Kafka has now is stored."""
    ends = {partition: end for (_, partition), end in proxied.installation.ends().items()}

    def stored() -> None:
        positions = dict(proxied.installation.sql("select kafka_partition, next_offset from ledger"))
        waiting = {partition: end for partition, end in ends.items() if positions.get(partition, 0) < end}
        assert waiting == {}

    eventually(stored)


def require_lag(analytics: Service) -> None:
    """For ``eventually``."""
    assert analytics.get("/audit").json["data"]["total"]["lag"] is not None
