"""A Kafka that has only the classic group protocol."""

from collections.abc import Iterator

import pytest

from localstack.guardian import Guardian
from localstack.java import Java
from localstack.ports import HOST, free_port
from localstack.stack import InfraStack
from testbed.brokers import ConfiguredKafka
from testbed.clicks import encode, new_click
from testbed.installation import Installation
from testbed.polling import eventually
from testbed.proxied import Servers

READY, LIVE = "/healthz/ready", "/healthz/live"


@pytest.fixture(scope="module")
def classic_only(
    infra: InfraStack, java: Java, guardian: Guardian, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """An installation on such a broker."""
    folder = tmp_path_factory.mktemp("classic")
    options = {"group.coordinator.rebalance.protocols": "classic"}
    kafka = ConfiguredKafka(folder / "kafka", free_port(), folder / "kafka.log", guardian, java, options)
    kafka.start()
    servers = Servers(kafka, infra.postgres, infra.valkey, f"{HOST}:{kafka.port}")
    installation = Installation(servers, folder, guardian, partitions=2, redis_db=12)
    yield installation
    installation.close()
    kafka.stop()


def test_the_pool_says_what_to_set_and_with_it_reads(classic_only: Installation) -> None:
    """Not ready, with the variable and its value; alive, so that Kubernetes does not start it again and again."""
    classic_only.produce([encode(new_click()) for _ in range(10)])
    refused = classic_only.service("consumer", ready_path=LIVE)

    def told() -> None:
        answer = refused.get(READY)
        assert answer.status == 503
        assert "set KAFKA_GROUP_PROTOCOL=classic" in answer.body.decode()

    eventually(told)
    assert "set KAFKA_GROUP_PROTOCOL=classic" in refused.log_text()
    assert "Traceback" not in refused.log_text()
    assert refused.is_healthy(LIVE)
    refused.stop()

    classic_only.service("consumer", KAFKA_GROUP_PROTOCOL="classic")

    classic_only.settled()
    assert sum(classic_only.counts().values()) == 10
