"""Where the log of clicks ends, asked with a client that the workers do not share."""

from confluent_kafka import Consumer, KafkaException, TopicPartition

from adclicks.kafka import KafkaUnavailableError, client_config
from adclicks.mounted_files import MountedFiles
from consumer.settings import ConsumerSettings

_TIMEOUT_SECONDS = 4.0
# Kafka's own number for "the next offset to be written" where a time is asked for.
_LATEST = -1


class LogEnds:
    """Keeps a client for as long as it is answered: one that Kafka does not answer may be what is broken.

    A consumer that joins no group: it makes no group request, which librdkafka does not survive when a broker goes away
    (confluentinc/librdkafka issue 4605).
    """

    def __init__(self, settings: ConsumerSettings) -> None:
        self._settings = settings
        self._client: Consumer | None = None
        self._files = MountedFiles(settings.kafka.files())

    def read(self) -> dict[int, int]:
        """The next offset to be written of each partition that has a leader. Raises ``KafkaUnavailableError``."""
        if self._client is None or self._files.rotated():
            self._renew()
        try:
            return self._ask()
        except KafkaException as error:
            self.close()
            raise KafkaUnavailableError(f"Kafka did not tell the log's ends: {error.args[0].str()}") from error
        except KafkaUnavailableError:
            self.close()
            raise

    def close(self) -> None:
        """Gives the client up; ``read`` makes another."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _renew(self) -> None:
        self.close()
        self._files = MountedFiles(self._settings.kafka.files())
        self._client = Consumer(
            client_config(self._settings.kafka, "adclicks-progress")
            | {"group.id": self._settings.group, "enable.auto.commit": False, "log_level": 0}
        )

    def _ask(self) -> dict[int, int]:
        assert self._client is not None  # noqa: S101 made by read
        topic = self._settings.kafka.topic
        metadata = self._client.list_topics(topic, timeout=_TIMEOUT_SECONDS).topics[topic]
        if metadata.error is not None:
            raise KafkaUnavailableError(f"Kafka does not know the topic {topic}: {metadata.error.str()}")
        asked = [TopicPartition(topic, partition, _LATEST) for partition in sorted(metadata.partitions)]
        answered = self._client.offsets_for_times(asked, timeout=_TIMEOUT_SECONDS)
        ends = {item.partition: item.offset for item in answered if item.error is None and item.offset >= 0}
        if not ends:
            raise KafkaUnavailableError(f"no partition of {topic} has a leader")
        return ends
