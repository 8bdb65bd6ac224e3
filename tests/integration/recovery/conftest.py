"""A broker behind a proxy, and what uses it."""

from collections.abc import Iterator

import pytest

from localstack.guardian import Guardian
from localstack.java import Java
from localstack.ports import HOST, free_port
from localstack.stack import InfraStack
from testbed.brokers import ConfiguredKafka
from testbed.fencing_proxy import FencingProxy
from testbed.installation import Installation
from testbed.proxied import Proxied, Servers


@pytest.fixture(scope="session")
def java(infra: InfraStack) -> Java:
    """Kafka's jars and runtime, as the shared broker has them."""
    return infra.kafka._java


@pytest.fixture(scope="module")
def proxied(
    infra: InfraStack, java: Java, guardian: Guardian, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxied]:
    """One for the module."""
    folder = tmp_path_factory.mktemp("proxied")
    port, proxy_port = free_port(), free_port()
    advertised = {"advertised.listeners": f"PLAINTEXT://{HOST}:{proxy_port}"}
    kafka = ConfiguredKafka(folder / "kafka", port, folder / "kafka.log", guardian, java, advertised)
    proxy = FencingProxy(proxy_port, port)
    kafka.start()
    servers = Servers(kafka, infra.postgres, infra.valkey, f"{HOST}:{proxy_port}")
    installation = Installation(servers, folder, guardian, partitions=4, redis_db=13)
    yield Proxied(proxy, kafka, installation)
    installation.close()
    kafka.stop()
    proxy.close()
