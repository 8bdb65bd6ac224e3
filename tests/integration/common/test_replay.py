"""A replay of very many dead letters: bounded, resumed where it was, and no letter sent twice."""

import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing

import pytest
from confluent_kafka import Message, Producer

from adclicks import kafka
from adclicks.dead_letter_log import DeadLetterLog, Entry
from adclicks.dead_letters import DeadLetter, Source
from adclicks.kafka import KafkaRefusedError
from adclicks.originals import Originals
from adclicks.replay import BATCH_LETTERS, Replay
from testbed.installation import Installation
from testbed.polling import eventually

MakeInstallation = Callable[..., Installation]
# librdkafka's queue holds 100,000.
VERY_MANY = 101_000
# Less than a second's worth of them.
QUOTA_BYTES = 200_000


def park(installation: Installation, topics: Iterable[str]) -> None:
    """A dead letter for each of ``topics``, with its number as its value."""
    failures: list[object] = []

    def delivered(error: object, _message: Message) -> None:
        if error is not None:
            failures.append(error)

    config = kafka.client_config(installation.kafka, "test")
    producer = Producer({**config, "log_level": 0, "acks": "all", "queue.buffering.max.messages": 2 * VERY_MANY})
    target = installation.kafka.dead_letter_topic
    for number, topic in enumerate(topics):
        value = b"%d" % number
        letter = DeadLetter(Source(topic, "an id", 0, number), "not JSON", None, value)
        producer.produce(target, value, headers=letter.headers(), on_delivery=delivered)
        producer.poll(0)
    assert producer.flush(120) == 0
    assert failures == []


def replay(installation: Installation, interrupted_at: int | None = None) -> int:
    """Replays what was not replayed yet, until the entry with this number; returns how many were sent."""

    def entries(log: DeadLetterLog) -> Iterator[Entry]:
        for number, entry in enumerate(log.read(log.unreplayed())):
            if number == interrupted_at:
                raise KeyboardInterrupt
            if not log.is_replayed(entry):
                yield entry

    with closing(DeadLetterLog(installation.kafka)) as log, closing(Originals(installation.kafka)) as originals:
        replaying = Replay(log, originals, installation.kafka, print, lambda _: None)
        replaying.run(entries(log))
        return replaying.sent


def assert_sent_once(installation: Installation, numbers: Iterable[int]) -> None:
    """The topic of the clicks has each of ``numbers`` exactly once, and nothing else."""
    assert sorted(int(record.value() or b"-1") for record in installation.records()) == sorted(numbers)


def test_an_interrupted_replay_goes_on_where_it_was(make_installation: MakeInstallation) -> None:
    """Full batches are remembered as they are done."""
    installation = make_installation(1)
    letters = 3 * BATCH_LETTERS + 10
    park(installation, [installation.topic] * letters)

    with pytest.raises(KeyboardInterrupt):
        replay(installation, interrupted_at=2 * BATCH_LETTERS + 5)
    assert_sent_once(installation, range(2 * BATCH_LETTERS))

    assert replay(installation) == BATCH_LETTERS + 10
    assert_sent_once(installation, range(letters))
    assert replay(installation) == 0


def test_a_letter_that_kafka_refuses_has_no_other_sent_twice(make_installation: MakeInstallation) -> None:
    """Its topic is missing: named; once it is there that letter is sent, and those behind it in its batch are not again."""
    installation = make_installation(1)
    park(installation, [installation.topic] * 5 + ["not-there-yet"] + [installation.topic] * 5)

    for _ in range(2):
        with pytest.raises(KafkaRefusedError, match=r"dead letters in not-there-yet: .*[Uu]nknown topic"):
            replay(installation)
    assert_sent_once(installation, {*range(11)} - {5})

    installation.adclicks("create-topics", "--partitions", "1", KAFKA_TOPIC="not-there-yet")
    assert replay(installation) == 1
    assert_sent_once(installation, {*range(11)} - {5})
    assert [record.value() for record in installation.records("not-there-yet")] == [b"5"]


def test_very_many_letters_are_replayed_to_a_slow_broker(make_installation: MakeInstallation) -> None:
    """More than the client's queue holds, at a quota: it takes longer, and each is sent once."""
    installation = make_installation(1)
    park(installation, [installation.topic] * VERY_MANY)
    quota(installation, "--add-config", f"producer_byte_rate={QUOTA_BYTES}")
    try:
        ended = installation.adclicks("dead-letters", "replay")
    finally:
        quota(installation, "--delete-config", "producer_byte_rate")

    assert (ended.returncode, ended.stdout) == (0, f"{VERY_MANY} dead letters sent again\n"), ended.stderr
    eventually(lambda: assert_sent_once(installation, range(VERY_MANY)))


def quota(installation: Installation, *change: str) -> None:
    """Changes what the replay's client may write a second."""
    broker = installation.infra.kafka
    arguments = ("--bootstrap-server", installation.kafka.address, "--alter", *change)
    client = ("--entity-type", "clients", "--entity-name", "adclicks-replay")
    command = broker._java.command("kafka.admin.ConfigCommand", (*arguments, *client), 64, installation.folder)
    subprocess.run(command, check=True, capture_output=True, timeout=120)
