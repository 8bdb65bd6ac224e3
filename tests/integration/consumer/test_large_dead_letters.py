"""Records that are too large for the dead-letter topic are parked cut, with what the whole was; nothing waits behind them."""

import os
from collections.abc import Iterator
from hashlib import sha256

import pytest
from confluent_kafka import Message, Producer, TopicPartition
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from adclicks import kafka
from adclicks.dead_letters import DeadLetter, parse
from testbed.clicks import encode, new_click
from testbed.installation import Installation
from testbed.polling import eventually
from testbed.services import Service

# The largest batch of records that a broker takes by default, and what a batch of one record needs beside its value.
BROKER_BYTES_MAX = 1_048_588
OVERHEAD_BYTES = 90


@pytest.fixture
def producer(installation: Installation) -> Producer:
    """One that leaves it to the broker what is too large."""
    config = kafka.client_config(installation.kafka, "test")
    return Producer({**config, "log_level": 0, "acks": "all", "message.max.bytes": 2 * BROKER_BYTES_MAX})


def send(producer: Producer, topic: str, *records: tuple[bytes | None, bytes]) -> None:
    """Keys and values, to partition 0."""
    failures: list[object] = []

    def delivered(error: object, _message: Message) -> None:
        if error is not None:
            failures.append(error)

    for key, value in records:
        producer.produce(topic, value, key, partition=0, on_delivery=delivered)
    assert producer.flush(30) == 0
    assert failures == []


def letters(installation: Installation) -> list[DeadLetter]:
    """All of them."""
    return [parse(message) for message in installation.records(installation.kafka.dead_letter_topic)]


def limit(installation: Installation, max_message_bytes: int) -> None:
    """How large a batch of the dead-letter topic may be."""
    resource = ConfigResource(ResourceType.TOPIC, installation.kafka.dead_letter_topic)
    value = str(max_message_bytes)
    resource.add_incremental_config(
        ConfigEntry("max.message.bytes", value, incremental_operation=AlterConfigOpType.SET)
    )
    for future in installation.admin.incremental_alter_configs([resource]).values():
        future.result(30)


def junk(size: int) -> bytes:
    """That no compression makes smaller."""
    return os.urandom(size)


@pytest.fixture
def before(installation: Installation, pool: Service) -> Iterator[int]:
    """How many dead letters there were."""
    installation.settled()
    yield len(letters(installation))
    limit(installation, BROKER_BYTES_MAX)


def test_a_record_as_large_as_kafka_allows_stops_nobody(
    installation: Installation, before: int, producer: Producer
) -> None:
    """One that fits with its headers is parked whole; one of the very limit is cut; the clicks behind are counted."""
    fits, exact = junk(1_040_000), junk(BROKER_BYTES_MAX - OVERHEAD_BYTES)
    counted = installation.audit().total.stored
    send(producer, installation.topic, (None, fits), (b"key", exact), (None, encode(new_click())))

    audit = installation.settled()

    assert audit.total.stored - counted == 1
    whole, cut = letters(installation)[before:]
    assert (whole.value, whole.original) == (fits, None)
    assert cut.value == exact[: 64 * 1024]
    assert cut.original is not None
    assert (cut.original.value_bytes, cut.original.value_sha256) == (len(exact), sha256(exact).hexdigest())
    assert (cut.key, cut.original.key_bytes) == (b"key", 3)
    original = next(record for record in installation.records() if record.offset() == cut.source.offset)
    assert original.value() == exact


def test_a_topic_that_takes_less_than_others_gets_what_it_takes(
    installation: Installation, before: int, producer: Producer
) -> None:
    """Many small letters fit one by one, though not together; a large value and a large key are cut as far as it takes."""
    limit(installation, 4_000)
    small = [junk(900) for _ in range(200)]
    large, key = junk(30_000), junk(20_000)
    send(producer, installation.topic, *((None, value) for value in small), (None, large), (key, b"not json"))

    installation.settled()

    parked = {letter.source.offset: letter for letter in letters(installation)[before:]}
    in_order = [parked[offset] for offset in sorted(parked)]
    assert [(letter.value, letter.original) for letter in in_order[:200]] == [(value, None) for value in small]
    assert in_order[200].value == large[:1024]
    assert in_order[201].key == key[:1024]
    assert in_order[201].original is not None
    assert in_order[201].original.key_sha256 == sha256(key).hexdigest()


def test_a_cut_letter_is_listed_as_such_and_replayed_whole(
    installation: Installation, before: int, producer: Producer
) -> None:
    """From its topic, by reference; once that does not have it any more the replay says so, goes on, and ends with 1."""
    whole = encode(new_click())[:-1] + b" " * 900_000 + b"}"
    limit(installation, 4_000)
    installation.sql("alter table clicks add constraint nothing_new check (received_on < '2026-01-01') not valid")
    send(producer, installation.topic, (b"key", whole), (None, junk(20_000)))
    installation.settled()
    installation.sql("alter table clicks drop constraint nothing_new")
    kept, lost = letters(installation)[before:]
    assert kept.original is not None
    assert lost.original is not None
    counted = installation.audit().total

    listed = installation.adclicks("dead-letters", "list", "--limit", "1000")
    assert f"a value of {len(whole)} (SHA-256 {sha256(whole).hexdigest()})" in listed.stdout, listed.stderr
    rehearsed = installation.adclicks("dead-letters", "replay", "--dry-run")
    replayed = installation.adclicks("dead-letters", "replay")

    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert rehearsed.stdout.splitlines()[-1].split()[0] == replayed.stdout.splitlines()[-1].split()[0]
    after = installation.settled().total
    assert after.stored - counted.stored == 1
    forget_records(installation)
    again = installation.adclicks("dead-letters", "replay", "--all")
    assert again.returncode == 1
    assert f"{kept.source}: only its beginning was kept, and the record is gone" in again.stdout
    assert "sent again" in again.stdout


def forget_records(installation: Installation) -> None:
    """As retention does: no record of the topic is left."""
    ends = [TopicPartition(installation.topic, p, end) for (_, p), end in installation.ends().items()]
    for future in installation.admin.delete_records(ends).values():
        future.result(30)


def test_a_topic_that_takes_nothing_is_told_and_waited_for(
    installation: Installation, pool: Service, before: int, producer: Producer
) -> None:
    """Nothing is dropped: the log says what to change, and once it is changed the worker goes on by itself."""
    limit(installation, 100)
    send(producer, installation.topic, (None, b"not json"))
    eventually(lambda: require("takes no dead letter, not even without its value" in pool.log_text()))

    limit(installation, BROKER_BYTES_MAX)
    installation.settled()

    assert letters(installation)[-1].value == b"not json"


def require(holds: bool) -> None:
    """For ``eventually``."""
    assert holds
