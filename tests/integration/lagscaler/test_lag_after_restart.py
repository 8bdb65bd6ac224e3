"""All brokers restarted while the operator looks: the same reader goes on."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from adclicks.kafka import CONNECTION
from adclicks.kafka_child.process import KafkaProcess
from lagscaler import lag
from lagscaler.lag import KafkaLag, LagUnavailableError
from localstack.guardian import Guardian
from localstack.jars import cache_folder
from localstack.kafka import Kafka
from localstack.ports import free_port
from localstack.stack import prepare_java


@pytest.fixture
def broker(tmp_path: Path, guardian: Guardian) -> Iterator[Kafka]:
    """One of its own, running, with a topic."""
    java = prepare_java(cache_folder(os.environ, Path.home()))
    made = Kafka(tmp_path / "kafka", free_port(), tmp_path / "kafka.log", guardian, java)
    made.start()
    admin = AdminClient({"bootstrap.servers": made.environment()["KAFKA_ADDRESS"], "log_level": 0})
    admin.create_topics([NewTopic("clicks", 2, 1)])["clicks"].result(30)
    yield made
    made.stop()


async def test_a_restart_of_all_brokers_is_outlived(
    broker: Kafka, process: KafkaProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Away for long enough that the client has given its brokers up; back at the same address."""
    monkeypatch.setattr(lag, "REQUEST_TIMEOUT_SECONDS", 1.5)
    config = {**CONNECTION, "bootstrap.servers": broker.environment()["KAFKA_ADDRESS"]}
    reader = KafkaLag(process, config, "clicks", "group")
    await _reads(reader)
    broker.stop()
    for _ in range(4):
        with pytest.raises(LagUnavailableError, match="bootstrapServers"):
            await reader.read()
    broker.start()
    await _reads(reader)


async def _reads(reader: KafkaLag) -> None:
    """Within as many looks as take half a minute."""
    for _ in range(20):
        try:
            assert len((await reader.read()).partitions) == 2
        except LagUnavailableError:
            continue
        return
    pytest.fail("it is not read any more")
