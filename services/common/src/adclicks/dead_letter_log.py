"""The dead-letter topic as a person's commands read it: from a position to where it ends now."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from adclicks import kafka
from adclicks.dead_letters import DeadLetter, parse
from adclicks.kafka_errors import Remedy, remedy
from adclicks.replay_position import ReplayPosition
from adclicks.settings import KafkaSettings

# A broker under a quota keeps a fetch waiting for many seconds.
_PATIENCE_SECONDS = 60.0
# A group that is new to a fresh cluster waits until the topic of the offsets is made.
_REQUEST_SECONDS = 30.0
# Where the last replay ended is kept as this group's committed offset: a second replay does not send the same again.
_REPLAY_GROUP = "adclicks-dead-letters-replay"
_RETRY_SECONDS = 0.5
Positions = dict[int, int]
T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """A record of the dead-letter topic: its letter, or why it is none (``problem``)."""

    partition: int
    offset: int
    letter: DeadLetter | None
    problem: str = ""

    @property
    def bytes(self) -> int:
        """Of its value."""
        return len(self.letter.value or b"") if self.letter else 0


class DeadLetterLog:
    """Raises ``KafkaUnavailableError`` and ``KafkaException``. To be closed."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._topic = settings.dead_letter_topic
        client = kafka.admin(settings)
        self._marks = kafka.watermarks(client, self._topic, range(kafka.partition_count(client, self._topic)))
        self._consumer = Consumer(consumer_config(settings))
        self._committed = self._ask_committed()

    def first(self) -> Positions:
        """The beginning of each partition."""
        return {partition: mark.low for partition, mark in self._marks.items()}

    def unreplayed(self) -> Positions:
        """Where the last replay ended."""
        return {partition: max(low, self._committed[partition].end) for partition, low in self.first().items()}

    def count(self, positions: Positions) -> int:
        """How many offsets lie between ``positions`` and the end."""
        return sum(max(0, mark.high - positions[partition]) for partition, mark in self._marks.items())

    def read(self, positions: Positions) -> Iterator[Entry]:
        """Each record from ``positions`` to the end that the topic had when this was made."""
        left = {partition for partition, mark in self._marks.items() if positions[partition] < mark.high}
        self._consumer.assign([TopicPartition(self._topic, partition, positions[partition]) for partition in left])
        while left:
            message = self._consumer.poll(_PATIENCE_SECONDS)
            if message is None:
                raise kafka.KafkaUnavailableError(f"{self._topic} gave no record for {_PATIENCE_SECONDS:.0f} s")
            partition, offset = message.partition() or 0, message.offset() or 0
            at_end = _is_end(message)
            if at_end or offset + 1 >= self._marks[partition].high:
                left.discard(partition)
            if not at_end:
                yield _entry(message, partition, offset)

    def is_replayed(self, entry: Entry) -> bool:
        """Whether the last replay, though interrupted before this place, has dealt with it."""
        position = self._committed[entry.partition]
        return entry.offset < position.end or entry.offset in position.beyond

    def remember(self, positions: Mapping[int, ReplayPosition]) -> None:
        """How far a replay is. Positions never move back."""
        moved: dict[int, ReplayPosition] = {}
        for partition, position in positions.items():
            before = self._committed[partition]
            merged = position.and_beyond(before.beyond)
            if merged.end >= before.end and merged != before:
                moved[partition] = merged
        if not moved:
            return
        offsets = [
            TopicPartition(self._topic, partition, position.end, position.metadata())
            for partition, position in moved.items()
        ]
        committed = _patiently(lambda: self._consumer.commit(offsets=offsets, asynchronous=False), self._topic)
        for item in committed or []:
            if item.error is not None:
                raise kafka.failure(item.error, f"the position in {self._topic}")
        self._committed |= moved

    def close(self) -> None:
        """Gives the connection back."""
        self._consumer.close()

    def _ask_committed(self) -> dict[int, ReplayPosition]:
        asked = [TopicPartition(self._topic, partition) for partition in self._marks]
        found = _patiently(lambda: self._consumer.committed(asked, timeout=_REQUEST_SECONDS), self._topic)
        # Where nothing is committed, the offset is negative.
        return {item.partition: ReplayPosition.read(max(0, item.offset), item.metadata) for item in found}


def consumer_config(settings: KafkaSettings) -> dict[str, Any]:
    """Reads where it is told to; the end of a partition is told, too: its last offset may belong to no record."""
    return kafka.client_config(settings, "adclicks-dead-letters") | {
        "group.id": _REPLAY_GROUP,
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
    }


def _patiently(step: Callable[[], T], topic: str) -> T:
    """Repeats ``step`` while Kafka's error passes by itself, such as that of a cluster whose topic of offsets is new."""
    deadline = time.monotonic() + _REQUEST_SECONDS
    while True:
        try:
            return step()
        except KafkaException as error:
            if remedy(error.args[0]) is not Remedy.RETRY or time.monotonic() > deadline:
                raise kafka.failure(error.args[0], f"the position of the replay in {topic}") from error
        time.sleep(_RETRY_SECONDS)


def _is_end(message: Message) -> bool:
    error = message.error()
    if error is None:
        return False
    if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 its public name
        return True
    raise KafkaException(error)


def _entry(message: Message, partition: int, offset: int) -> Entry:
    try:
        return Entry(partition, offset, parse(message))
    except ValueError as unreadable:
        return Entry(partition, offset, None, str(unreadable))
