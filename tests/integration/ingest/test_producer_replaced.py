"""A producer that never reaches Kafka, although Kafka answers a new client, is replaced; what was acknowledged is in Kafka."""

import asyncio
import os

from confluent_kafka import Producer
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from adclicks.errors import Problem
from adclicks.settings import read
from ingest.publisher import Publisher
from ingest.settings import IngestSettings
from testbed.installation import Installation
from testbed.polling import eventually_async


class FirstIsStuck:
    """The first producer knows an address where nobody listens, as one that has lost its brokers does."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, config: dict[str, object]) -> Producer:
        self.made += 1
        lost = {"bootstrap.servers": "127.0.0.1:1"} if self.made == 1 else {}
        return Producer({**config, **lost, "log_level": 0})


def stuck(installation: Installation) -> Publisher:
    """Started, with a short timeout."""
    settings = read(IngestSettings, {**installation.environment, "KAFKA_ACK_TIMEOUT_SECONDS": "1"})
    publisher = Publisher(settings, FirstIsStuck())
    publisher.start()
    return publisher


async def test_clicks_are_taken_again_by_a_new_producer(installation: Installation) -> None:
    """Those before were answered 503; the log has each that was acknowledged."""
    publisher = stuck(installation)
    answers: dict[str, Problem | None] = {}

    def send(key: str) -> None:
        publisher.publish(key, b"value", lambda problem: answers.__setitem__(key, problem))

    number = 0

    def is_acknowledged() -> None:
        nonlocal number
        send(f"click {number}")
        number += 1
        assert publisher.acknowledged > 0

    await eventually_async(is_acknowledged)
    await publisher.close()
    assert len(answers) == number
    assert publisher.replaced_stalled == 1
    acknowledged = {key.encode() for key, problem in answers.items() if problem is None}
    assert acknowledged <= {message.key() for message in installation.records()}
    assert {problem.status for problem in answers.values() if problem} == {503}


async def test_without_traffic_readiness_finds_it(installation: Installation) -> None:
    """A pod that is not ready gets no clicks: that Kafka does not answer its producer is enough to replace it."""
    publisher = stuck(installation)

    problems = [await publisher.unavailable()]
    async with asyncio.timeout(60):
        while problems[-1] is not None:
            problems.append(await publisher.unavailable())

    assert (publisher.replaced_stalled, publisher.produced) == (1, 0)
    await publisher.close()


async def test_a_topic_that_takes_less_than_a_request_holds_gets_smaller_ones(installation: Installation) -> None:
    """Each click fits alone, many together do not: those are answered 503, and soon all are taken."""
    resource = ConfigResource(ResourceType.TOPIC, installation.topic)
    resource.add_incremental_config(
        ConfigEntry("max.message.bytes", "20000", incremental_operation=AlterConfigOpType.SET)
    )
    for future in installation.admin.incremental_alter_configs([resource]).values():
        future.result(30)
    publisher = Publisher(read(IngestSettings, installation.environment))
    publisher.start()
    waiting = {f"click {number}": os.urandom(300) for number in range(1_000)}
    taken: set[str] = set()

    def all_are_taken() -> None:
        if publisher.in_flight == 0:
            for key in waiting.keys() - taken:
                publisher.publish(key, waiting[key], lambda problem, key=key: None if problem else taken.add(key))
        assert taken == waiting.keys()

    await eventually_async(all_are_taken)

    assert 1 <= publisher.replaced_batches <= 8
    log = {message.key(): message.value() for message in installation.records()}
    assert {key.encode(): value for key, value in waiting.items()}.items() <= log.items()
    await publisher.close()
