"""A group request times out before its coordinator was found: librdkafka aborts the process that asked, which is a child."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from tests.integration.lagscaler.conftest import complete

from adclicks.kafka_child.process import KafkaProcess
from lagscaler import lag
from lagscaler.lag import KafkaLag
from lagscaler.policy.settings import PolicySettings
from lagscaler.pool import Replicas
from lagscaler.scaler import Scaler
from localstack.guardian import Guardian
from localstack.jars import cache_folder
from localstack.stack import prepare_java
from testbed.kafka_proxy import FIND_COORDINATOR, ProxiedKafka
from testbed.polling import eventually_async


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, guardian: Guardian) -> Iterator[ProxiedKafka]:
    """Running, with a topic, and a group that has committed."""
    folder = tmp_path_factory.mktemp("proxied")
    made = ProxiedKafka(
        folder / "kafka", folder / "kafka.log", guardian, prepare_java(cache_folder(os.environ, Path.home()))
    )
    made.start()
    config = {"bootstrap.servers": made.address, "log_level": 0}
    admin = AdminClient(config)
    admin.create_topics([NewTopic("clicks", 2, 1)])["clicks"].result(30)
    consumer = Consumer({**config, "group.id": "group"})
    consumer.commit(offsets=[TopicPartition("clicks", 0, 0)], asynchronous=False)
    consumer.close()
    yield made
    made.stop()


class Pool:
    """Two consumers."""

    async def read(self) -> Replicas:
        return Replicas(2, 2)


async def test_the_operator_goes_on_after_an_abort(
    broker: ProxiedKafka, process: KafkaProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a coordinator that is found too late ends the child or not: the number stands, and looks succeed again."""
    monkeypatch.setattr(lag, "REQUEST_TIMEOUT_SECONDS", 1.0)
    reader = KafkaLag(process, {"bootstrap.servers": broker.address}, "clicks", "group")
    scaler = Scaler(PolicySettings(rate_per_consumer=100, max_replicas=4), reader, Pool())
    assert (await complete(reader)).partitions[0].committed == 0
    before = await scaler.desired()

    reader.close()
    broker.proxy.hold_next(FIND_COORDINATOR)
    # Describing the group fails by its time; the look does without.
    assert (await reader.read()).member_count is None
    broker.proxy.release()

    assert (await complete(reader)).partitions[0].committed == 0
    assert await scaler.desired() == before


async def test_a_child_that_aborts_in_a_look_costs_that_look(
    broker: ProxiedKafka, process: KafkaProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told as Kafka away; the last number is served, and the next look is answered."""
    monkeypatch.setattr("lagscaler.scaler.FRESH_SECONDS", 0.0)
    reader = KafkaLag(process, {"bootstrap.servers": broker.address}, "clicks", "group")
    await complete(reader)
    scaler = Scaler(PolicySettings(rate_per_consumer=100, max_replicas=4), reader, Pool())
    before = await scaler.desired()

    reader.close()
    broker.proxy.hold_next(FIND_COORDINATOR)
    asked = asyncio.create_task(scaler.desired())
    await eventually_async(lambda: _holds(broker))
    os.kill((await process.child()).pid, signal.SIGABRT)

    assert await asked == before
    assert {finding.reason for finding in scaler.findings if not finding.status} == {"KafkaUnreachable"}
    assert await scaler.desired() == before
    assert [finding.reason for finding in scaler.findings if not finding.status] == []


def _holds(broker: ProxiedKafka) -> None:
    assert broker.proxy.is_holding
