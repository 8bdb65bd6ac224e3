"""Topics and groups on the real Kafka."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.cimpl import NewTopic

from adclicks.kafka_child.process import KafkaProcess
from lagscaler.lag import KafkaLag, LagUnavailableError, Reading
from localstack.stack import InfraStack
from testbed.polling import eventually


@dataclass(frozen=True)
class Topic:
    """A topic of its own for each test, and a group of the same name."""

    address: str
    name: str
    # Kept: a client that is collected answers none of its futures.
    admin: AdminClient

    def create(self, partitions: int = 3) -> None:
        def make() -> None:
            try:
                self.admin.create_topics([NewTopic(self.name, partitions, 1)])[self.name].result(30)
            except KafkaException as error:
                raise AssertionError(str(error)) from error

        eventually(make)
        eventually(lambda: self._has_leaders(partitions))

    def _has_leaders(self, partitions: int) -> None:
        """A new topic's brokers don't answer for it at once."""
        asked = {TopicPartition(self.name, number): OffsetSpec.latest() for number in range(partitions)}
        try:
            for future in self.admin.list_offsets(asked).values():
                future.result(30)
        except KafkaException as error:
            raise AssertionError(str(error)) from error

    def delete(self) -> None:
        self.admin.delete_topics([self.name])[self.name].result(30)

    def produce(self, messages: int, partition: int = 0) -> None:
        producer = Producer({"bootstrap.servers": self.address})
        for _ in range(messages):
            producer.produce(self.name, b"x", partition=partition)
        assert producer.flush(30) == 0

    def commit(self, offset: int, partition: int = 0) -> None:
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": self.name})
        consumer.commit(offsets=[TopicPartition(self.name, partition, offset)], asynchronous=False)
        consumer.close()

    def consumer(self, protocol: str) -> Consumer:
        made = Consumer(
            {"bootstrap.servers": self.address, "group.id": self.name, "group.protocol": protocol}
            | {"auto.offset.reset": "earliest", "enable.auto.commit": False}
        )
        made.subscribe([self.name])
        return made

    def lag(self, process: KafkaProcess) -> KafkaLag:
        return KafkaLag(process, {"bootstrap.servers": self.address}, self.name, self.name)


@pytest.fixture
async def process() -> AsyncIterator[KafkaProcess]:
    """The operator's child process."""
    made = KafkaProcess()
    yield made
    await made.close()


@pytest.fixture
def topic(infra: InfraStack) -> Topic:
    """Not created yet."""
    address = infra.environment["KAFKA_ADDRESS"]
    return Topic(address, f"lag-{uuid4()}", AdminClient({"bootstrap.servers": address}))


async def complete(lag: KafkaLag) -> Reading:
    """A look that succeeded and knows the group's members.

    Right after its start a broker has no coordinator for groups, and new partitions have no leaders.
    """
    for _ in range(20):
        try:
            reading = await lag.read()
        except LagUnavailableError:
            continue
        if reading.member_count is not None:
            return reading
    pytest.fail("Kafka is not read completely")
