"""What Kafka says, in each of the cases that the policy tells apart."""

import asyncio
import logging
import socket

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.cimpl import NewPartitions
from tests.integration.lagscaler.conftest import Topic, complete

from adclicks.kafka_child.process import KafkaProcess
from lagscaler.lag import KafkaLag, LagUnavailableError, Reading
from localstack.ports import free_port
from testbed.polling import eventually_async


async def test_a_group_without_commits_has_none(topic: Topic, process: KafkaProcess) -> None:
    """Not zero, and not the end: the policy decides what is unread then."""
    topic.create()
    topic.produce(5, partition=1)
    reading = await complete(topic.lag(process))
    assert [(part.log_start, part.end, part.committed, part.owner) for part in reading.partitions] == [
        (0, 0, None, None),
        (0, 5, None, None),
        (0, 0, None, None),
    ]
    assert reading.member_count == 0


async def test_commits_and_log_starts_are_told_per_partition(topic: Topic, process: KafkaProcess) -> None:
    """A partition that was read, one that retention cut, one untouched."""
    topic.create()
    for partition in range(3):
        topic.produce(10, partition)
    topic.commit(4, partition=0)
    for future in topic.admin.delete_records([TopicPartition(topic.name, 1, 7)]).values():
        future.result(30)
    reading = await topic.lag(process).read()
    assert [(part.log_start, part.end, part.committed) for part in reading.partitions] == [
        (0, 10, 4),
        (7, 10, None),
        (0, 10, None),
    ]


async def test_a_recreated_topic_has_another_id(topic: Topic, process: KafkaProcess) -> None:
    """With the same client; the old commit may still be there, and the policy disregards it."""
    topic.create()
    topic.produce(10)
    topic.commit(10)
    lag = topic.lag(process)
    before = await lag.read()
    topic.delete()
    topic.create()
    topic.produce(2)
    after = await lag.read()
    assert after.topic_id != before.topic_id
    assert after.partitions[0].end == 2


async def test_added_partitions_are_seen(topic: Topic, process: KafkaProcess) -> None:
    """By a client that knew fewer."""
    topic.create()
    lag = topic.lag(process)
    await lag.read()
    topic.admin.create_partitions([NewPartitions(topic.name, 5)])[topic.name].result(30)
    assert len((await complete(lag)).partitions) == 5


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
async def test_the_readers_of_partitions_are_known_in_both_protocols(
    topic: Topic, process: KafkaProcess, protocol: str
) -> None:
    """Each partition has its owner, and there are as many members as consumers."""
    topic.create(4)
    consumers = [topic.consumer(protocol) for _ in range(2)]
    lag = topic.lag(process)
    try:
        reading = await _settled(lag, consumers)
    finally:
        for consumer in consumers:
            consumer.close()
    owners = [part.owner for part in reading.partitions]
    assert reading.member_count == 2
    assert sorted(owners.count(owner) for owner in set(owners)) == [2, 2]


async def _settled(lag: KafkaLag, consumers: list[Consumer]) -> Reading:
    """The reading once both have partitions."""
    found: list[Reading] = []

    async def poll() -> None:
        while True:
            for consumer in consumers:
                await asyncio.to_thread(consumer.poll, 0.1)
            found.append(await lag.read())

    def two_owners() -> Reading:
        owners = {part.owner for part in found[-1].partitions} if found else set()
        assert None not in owners
        assert len(owners) == 2
        return found[-1]

    polling = asyncio.create_task(poll())
    try:
        return await eventually_async(two_owners)
    finally:
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)


async def test_a_missing_topic_is_a_failure_that_names_the_field(topic: Topic, process: KafkaProcess) -> None:
    """Never an empty topic, which would read as nothing to do."""
    with pytest.raises(LagUnavailableError, match=r"^spec\.kafka\.topic: ") as refused:
        await topic.lag(process).read()
    assert refused.value.reason == "TopicNotFound"


async def test_a_broker_that_is_away_is_a_failure_within_a_bounded_time(topic: Topic, process: KafkaProcess) -> None:
    """The same client goes on when the broker is there."""
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    config = {"bootstrap.servers": f"127.0.0.1:{free_port()}", "logger": logging.getLogger("kafka")}
    with pytest.raises(LagUnavailableError, match=r"^spec\.kafka\.bootstrapServers: ") as refused:
        await KafkaLag(process, config, topic.name, topic.name).read()
    assert refused.value.reason == "KafkaUnreachable"


async def test_brokers_that_do_not_answer_delay_nobody_elses_look(topic: Topic, process: KafkaProcess) -> None:
    """Thirty LagAutoscalers whose brokers accept and say nothing: the one with a good broker is read as if alone."""
    topic.create()
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        config = {"bootstrap.servers": f"127.0.0.1:{silent.getsockname()[1]}"}
        waiting = [asyncio.create_task(KafkaLag(process, config, topic.name, topic.name).read()) for _ in range(30)]
        good = topic.lag(process)
        await good.read()
        await good.read()
        assert not any(task.done() for task in waiting)
        found = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(error) for error in found} == {LagUnavailableError}


async def test_credentials_that_are_none_are_refused_at_the_first_look(process: KafkaProcess) -> None:
    """A Secret with something else in it."""
    config = {"bootstrap.servers": "127.0.0.1:1", "security.protocol": "ssl", "ssl.ca.pem": "no certificate"}
    with pytest.raises(LagUnavailableError, match=r"^spec\.kafka: ") as refused:
        await KafkaLag(process, config, "t", "g").read()
    assert refused.value.reason == "BadCredentials"
