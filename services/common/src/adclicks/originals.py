"""The records whose dead letters were cut, where they came from: their topic has them until its retention is over."""

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from adclicks import kafka
from adclicks.dead_letter_log import consumer_config
from adclicks.dead_letters import DeadLetter, Original, Source
from adclicks.settings import KafkaSettings

_REQUEST_SECONDS = 30.0
_FETCH_SECONDS = 60.0


class OriginalGone(Exception):
    """The log does not have the record any more; its beginning and its hash are all that is left."""


class Originals:
    """Raises ``KafkaUnavailableError`` and ``KafkaException``. To be closed."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._admin = kafka.admin(settings)
        self._consumer = Consumer(consumer_config(settings))
        self._ids: dict[str, str] = {}

    def find(self, letter: DeadLetter) -> DeadLetter:
        """``letter`` with its whole key and value. Raises ``OriginalGone``."""
        if letter.original is None:
            return letter
        message = self._read(letter.source)
        whole = DeadLetter(letter.source, letter.reason, _bytes(message.key()), _bytes(message.value()))
        if Original.of(whole.key, whole.value) != letter.original:
            raise OriginalGone("another record is there now")
        return whole

    def close(self) -> None:
        """Gives the connection back."""
        self._consumer.close()

    def _read(self, source: Source) -> Message:
        if self._topic_id(source.topic) != source.topic_id:
            raise OriginalGone(f"{source.topic} is another topic now")
        place = TopicPartition(source.topic, source.partition, source.offset)
        marks = self._consumer.get_watermark_offsets(place, timeout=_REQUEST_SECONDS)
        if not marks[0] <= source.offset < marks[1]:
            raise OriginalGone("its topic's retention took it")
        self._consumer.assign([place])
        try:
            return self._first(source)
        finally:
            self._consumer.unassign()

    def _first(self, source: Source) -> Message:
        message = self._consumer.poll(_FETCH_SECONDS)
        if message is None:
            raise kafka.KafkaUnavailableError(f"{source} was not read in {_FETCH_SECONDS:.0f} s")
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 its public name
            raise KafkaException(error)
        if error is not None or message.offset() != source.offset:
            raise OriginalGone("its topic's cleanup took it")
        return message

    def _topic_id(self, topic: str) -> str:
        if topic not in self._ids:
            self._ids[topic] = kafka.topic_id(self._admin, topic)
        return self._ids[topic]


def _bytes(data: str | bytes | None) -> bytes | None:
    return data.encode() if isinstance(data, str) else data
