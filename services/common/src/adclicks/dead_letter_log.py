"""The dead-letter topic as a person's commands read it: from a position to where it ends now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from adclicks import kafka
from adclicks.dead_letters import DeadLetter, parse
from adclicks.settings import KafkaSettings

# A broker under a quota keeps a fetch waiting for many seconds.
_PATIENCE_SECONDS = 60.0
_REQUEST_SECONDS = 10.0
# Where the last replay ended is kept as this group's committed offset: a second replay does not send the same again.
_REPLAY_GROUP = "adclicks-dead-letters-replay"
Positions = dict[int, int]


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
        return {partition: max(low, self._committed.get(partition, 0)) for partition, low in self.first().items()}

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

    def remember(self, ends: Mapping[int, int]) -> None:
        """That everything before ``ends`` was replayed. Positions never move back."""
        moved = {partition: end for partition, end in ends.items() if end > self._committed.get(partition, 0)}
        if not moved:
            return
        offsets = [TopicPartition(self._topic, partition, end) for partition, end in moved.items()]
        for item in self._consumer.commit(offsets=offsets, asynchronous=False) or []:
            if item.error is not None:
                raise kafka.failure(item.error, f"the position in {self._topic}")
        self._committed |= moved

    def close(self) -> None:
        """Gives the connection back."""
        self._consumer.close()

    def _ask_committed(self) -> Positions:
        asked = [TopicPartition(self._topic, partition) for partition in self._marks]
        return {item.partition: item.offset for item in self._consumer.committed(asked, timeout=_REQUEST_SECONDS)}


def consumer_config(settings: KafkaSettings) -> dict[str, Any]:
    """Reads where it is told to; the end of a partition is told, too: its last offset may belong to no record."""
    return kafka.client_config(settings, "adclicks-dead-letters") | {
        "group.id": _REPLAY_GROUP,
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
    }


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
