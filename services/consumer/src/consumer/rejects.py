"""Sends what can't be stored to the dead-letter topic, before the ledger counts it as rejected."""

from collections.abc import Sequence
from typing import Any

import structlog
from confluent_kafka import KafkaError, Producer

from adclicks.dead_letters import DeadLetter, Source
from adclicks.deliveries import Delivery, Outgoing, end_elsewhere
from adclicks.kafka import KafkaRefusedError, client_config, failure
from adclicks.kafka_errors import Remedy, remedy
from adclicks.settings import KafkaSettings
from consumer.batch import Reject
from consumer.settings import ConsumerSettings
from consumer.store import Topic

_TIMEOUT_SECONDS = 10.0
# A letter beyond this is cut unasked: a broker ends the connection on a request that is far too large, and does not say why.
_WHOLE_BYTES_MAX = 8 * 1024 * 1024
_HEADERS_BYTES_MAX = 64 * 1024
# Bytes of its value that a letter keeps which the topic does not take whole: the first of these that it does take.
_CUTS = (64 * 1024, 1024, 0)
_log = structlog.get_logger()


class RejectSink:
    """Raises ``KafkaUnavailableError`` where Kafka does not acknowledge: then the batch must not be written yet.

    A letter may be there twice, as after a batch that is sent again.
    """

    def __init__(self, settings: ConsumerSettings, topic: Topic) -> None:
        self._topic = topic
        self._target = settings.kafka.dead_letter_topic
        config = producer_config(settings.kafka)
        self._together = _Sender(config, self._target)
        # A request whose records are too large together is refused like one with a record that is too large alone.
        self._alone = _Sender({**config, "batch.num.messages": 1, "linger.ms": 0}, self._target)

    def send(self, rejects: Sequence[Reject]) -> None:
        """Returns when Kafka has all of ``rejects``; what its topic does not take whole is cut, and says so in its headers."""
        letters = [self._letter(reject) for reject in rejects]
        whole = [letter for letter in letters if _size(letter) <= _WHOLE_BYTES_MAX]
        huge = [letter.cut(_CUTS[0]) for letter in letters if _size(letter) > _WHOLE_BYTES_MAX]
        refused = self._alone.send([*self._together.send(whole), *huge])
        for value_bytes in _CUTS:
            if not refused:
                return
            _log.warning("dead letters are cut", letters=len(refused), first=str(refused[0].source), bytes=value_bytes)
            refused = self._alone.send([letter.cut(value_bytes) for letter in refused])
        if refused:
            raise KafkaRefusedError(
                f"{self._target} takes no dead letter, not even without its value: see its settings"
            )

    def _letter(self, reject: Reject) -> DeadLetter:
        record, reason = reject
        source = Source(self._topic.name, self._topic.id, record.partition, record.offset)
        return DeadLetter(source, reason, record.key, record.value)


class _Sender:
    """Makes its producer at the first letter, and anew after each failure.

    Whatever went wrong in the old one, a fatal error or a connection that never comes back, ends with it.
    """

    def __init__(self, config: dict[str, Any], target: str) -> None:
        self._config = config
        self._target = target
        self._producers: list[Producer] = []

    def send(self, letters: list[DeadLetter]) -> list[DeadLetter]:
        """Sends ``letters``; returns those that can't be written as they are. Raises ``KafkaUnavailableError``."""
        if not letters:
            return []
        if not self._producers:
            self._producers.append(Producer(self._config))
        records = [Outgoing(self._target, letter.key, letter.value, letter.headers()) for letter in letters]
        errors = Delivery(_TIMEOUT_SECONDS + 1).send(self._producers[0], records)
        for error in errors.values():
            if remedy(error) is not Remedy.CHANGE_RECORD and not _other_is_at_fault(error):
                end_elsewhere([self._producers.pop()])
                raise failure(error, f"the dead letters in {self._target}")
        return [letters[index] for index in sorted(errors)]


def producer_config(settings: KafkaSettings) -> dict[str, Any]:
    """Not idempotent: a letter that is there twice does no harm, and a refused record would cost such a producer 100 ms."""
    return client_config(settings, "adclicks-dead-letters") | {
        "acks": "all",
        "delivery.timeout.ms": int(_TIMEOUT_SECONDS * 1000),
        "message.max.bytes": _WHOLE_BYTES_MAX + _HEADERS_BYTES_MAX,
    }


def _size(letter: DeadLetter) -> int:
    return len(letter.key or b"") + len(letter.value or b"")


def _other_is_at_fault(error: KafkaError) -> bool:
    return bool(error.code() == KafkaError._INVALID_DIFFERENT_RECORD)  # noqa: SLF001 its public name
