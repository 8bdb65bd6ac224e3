"""Sends what can't be stored to the dead-letter topic, before the ledger counts it as rejected."""

from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from adclicks.dead_letters import DeadLetter, Source
from adclicks.kafka import KafkaUnavailableError, client_config
from consumer.batch import Reject
from consumer.settings import ConsumerSettings
from consumer.store import Topic

_TIMEOUT_SECONDS = 10.0


class RejectSink:
    """Raises ``KafkaUnavailableError`` where Kafka does not acknowledge: then the batch must not be written yet."""

    def __init__(self, settings: ConsumerSettings, topic: Topic) -> None:
        self._topic = topic
        self._target = settings.kafka.dead_letter_topic
        self._producer = Producer(
            client_config(settings.kafka, "adclicks-dead-letters")
            | {"acks": "all", "enable.idempotence": True, "delivery.timeout.ms": int(_TIMEOUT_SECONDS * 1000)}
        )

    def send(self, rejects: Sequence[Reject]) -> None:
        """Returns when Kafka has all of ``rejects``."""
        failures: list[KafkaError] = []

        def delivered(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                failures.append(error)

        try:
            for record, reason in rejects:
                letter = DeadLetter(self._source(record.partition, record.offset), reason, record.key, record.value)
                self._producer.produce(
                    self._target, letter.value, letter.key, headers=letter.headers(), on_delivery=delivered
                )
                self._producer.poll(0)
            left = self._producer.flush(_TIMEOUT_SECONDS + 1)
        except (KafkaException, BufferError) as error:
            raise KafkaUnavailableError(f"{self._target}: {error}") from error
        if failures or left:
            raise KafkaUnavailableError(f"{self._target}: {failures[0].str() if failures else 'no answer in time'}")

    def _source(self, partition: int, offset: int) -> Source:
        return Source(self._topic.name, self._topic.id, partition, offset)
