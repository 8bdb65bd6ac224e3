"""Kafka stands still (SIGSTOP) under load, some times: all is read afterwards. `make faults-kafka` does it at length."""

import threading
from random import Random

import pytest

from testbed.brokers import freeze, thaw
from testbed.installation import Installation
from testbed.load import Load
from testbed.polling import eventually

FREEZES = 3
SEED = 7


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
def test_frozen_again_and_again(installation: Installation, protocol: str) -> None:
    """For 2 to 9 s: longer than Kafka's controller waits for its broker, and shorter, while clicks come in."""
    random = Random(SEED)
    kafka = installation.infra.kafka
    ingest = installation.service("ingest", KAFKA_ACK_TIMEOUT_SECONDS="2")
    pool = installation.service(
        "consumer", KAFKA_GROUP=f"{installation.topic}-{protocol}", KAFKA_GROUP_PROTOCOL=protocol
    )
    with Load(ingest.url, clicks_per_second=100).running() as load:
        for _ in range(FREEZES):
            goes_on(load)
            freeze([kafka])
            try:
                # The fault itself lasts this long; nothing is waited for.
                threading.Event().wait(random.uniform(2, 9))
            finally:
                thaw([kafka])
            goes_on(load)

    installation.reconnect()
    load.assert_counted(installation)
    assert ingest.is_healthy()
    assert pool.is_healthy()
    ingest.stop()
    pool.stop()


def goes_on(load: Load) -> None:
    """More clicks are acknowledged than there were."""
    reached = len(load.acknowledged)
    eventually(lambda: load.require(reached + 50))
