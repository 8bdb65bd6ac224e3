"""Kafka: client configurations, and what is asked of a topic."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.cimpl import NewTopic

from adclicks.kafka_admin import Admin
from adclicks.kafka_errors import Remedy, remedy
from adclicks.kafka_log import log_of_clients
from adclicks.mounted_files import certificate_files
from adclicks.settings import KafkaSettings

REQUEST_TIMEOUT_SECONDS = 5.0
SOCKET_TIMEOUT_MS = 10_000
CONNECT_TIMEOUT_MS = 5_000

# How any client of ours outlives an outage.
CONNECTION: Mapping[str, str | int] = {
    # Kafka's restart moves the address of a pod: a stale one must not be asked for long.
    "broker.address.ttl": 1000,
    # No value of this recovers always (librdkafka 2.16; its issue 5301): after a Metadata answer without brokers "none" never
    # finds one again, "rebootstrap" mostly does. A client that makes no progress is replaced, whatever this says
    # (docs/reliability.md).
    "metadata.recovery.strategy": "rebootstrap",
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 1000,
}


class KafkaUnavailableError(Exception):
    """Kafka could not be asked, or does not know the topic; try again later."""


class KafkaRefusedError(KafkaUnavailableError):
    """Kafka answers, and refuses: somebody has to change a permission, a topic or a setting. Another try changes nothing."""


@dataclass(frozen=True)
class Watermarks:
    """A partition's first offset that is still there, and the end of what can be read: the next one to be written, or the
    first of a transaction that is open.
    """

    low: int
    high: int


def client_config(settings: KafkaSettings, client_id: str) -> dict[str, Any]:
    """What every client has in common."""
    return {
        **_security(settings),
        **CONNECTION,
        "bootstrap.servers": settings.address,
        "client.id": client_id,
        # A broker that went without a word, or an address that leads nowhere, is given up after this long, not after a minute.
        "socket.timeout.ms": SOCKET_TIMEOUT_MS,
        "socket.connection.setup.timeout.ms": CONNECT_TIMEOUT_MS,
        # librdkafka would write to standard error by itself, a line for each try while a broker is away.
        "logger": log_of_clients(),
        "log.connection.close": False,
    }


def _security(settings: KafkaSettings) -> dict[str, Any]:
    config = {
        "security.protocol": settings.security_protocol,
        # Not its location: of a folder, the library would take files named by hashes only.
        "ssl.ca.pem": _trusted(settings.ca_file) if settings.ca_file else None,
        "ssl.certificate.location": settings.cert_file,
        "ssl.key.location": settings.key_file,
    }
    if settings.security_protocol.startswith("sasl"):
        config |= {
            "sasl.mechanism": settings.sasl_mechanism,
            "sasl.username": settings.username,
            "sasl.password": settings.password,
        }
    return {name: value for name, value in config.items() if value is not None}


def _trusted(path: str) -> str:
    return "".join(file.read_text() for file in certificate_files(path))


class RenewedAdmin:
    """A client for topics and offsets that lasts as long as Kafka answers: after a failure ``make`` makes another one.

    One that lost all its brokers in an outage may never find them again.
    """

    def __init__(self, make: Callable[[], AdminClient]) -> None:
        self._make = make
        self._client: AdminClient | None = None

    def get(self) -> AdminClient:
        """The client; made now if there is none."""
        if self._client is None:
            self._client = self._make()
        return self._client

    def renew(self) -> None:
        """The next request is asked by another client."""
        self._client = None


Asker = AdminClient | RenewedAdmin


def admin(settings: KafkaSettings) -> Admin:
    """A client for topics and offsets."""
    return Admin(client_config(settings, "adclicks-admin"))


def failure(error: KafkaError, subject: str, known: str = "") -> KafkaUnavailableError:
    """What to raise for ``error`` about ``subject``: whether waiting helps. ``known`` is what else explains it."""
    if remedy(error) in {Remedy.ADMINISTER, Remedy.CHANGE_RECORD}:
        return KafkaRefusedError(f"Kafka refuses {subject}: {error.str()}{known}")
    return KafkaUnavailableError(f"Kafka could not be asked for {subject}: {error.str()}{known}")


def topic_id(asker: Asker, topic: str) -> str:
    """The topic's id, which a recreated topic does not share. Raises ``KafkaUnavailableError``."""
    with _asking(asker, f"topic {topic}") as client:
        described = client.describe_topics(TopicCollection([topic]), request_timeout=REQUEST_TIMEOUT_SECONDS)
        return str(described[topic].result(REQUEST_TIMEOUT_SECONDS).topic_id)


def partition_count(asker: Asker, topic: str) -> int:
    """How many partitions the topic has. Raises ``KafkaUnavailableError``."""
    with _asking(asker, f"topic {topic}") as client:
        metadata = client.list_topics(topic, timeout=REQUEST_TIMEOUT_SECONDS).topics[topic]
    if metadata.error is not None and metadata.error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
        raise failure(metadata.error, f"topic {topic}")
    if not metadata.partitions:
        raise KafkaRefusedError(f"Kafka does not know the topic {topic}: run `adclicks create-topics`")
    return len(metadata.partitions)


def watermarks(asker: Asker, topic: str, partitions: Iterable[int]) -> dict[int, Watermarks]:
    """The first and the next offset of each partition. Raises ``KafkaUnavailableError``."""
    asked = [TopicPartition(topic, partition) for partition in partitions]
    if not asked:
        return {}
    low = _offsets(asker, asked, OffsetSpec.earliest())
    high = _offsets(asker, asked, OffsetSpec.latest())
    return {partition: Watermarks(low[partition], high[partition]) for partition in high}


def create_topics(client: AdminClient, settings: KafkaSettings, partitions: int, replication_factor: int) -> list[str]:
    """Makes the topic of the clicks and that of the dead letters where they are missing; returns what was made.

    min.insync.replicas is 2 from three replicas on: with acks=all a click then survives the loss of a broker.
    """
    config = {
        "min.insync.replicas": "2" if replication_factor >= 3 else "1",
        # Retention goes by a record's time. By the sender's, one from weeks ago would be gone before it is read.
        "message.timestamp.type": "LogAppendTime",
    }
    topics = [
        NewTopic(settings.topic, partitions, replication_factor, config=config),
        # Dead letters wait for a person, so they are kept for a year, not Kafka's default of a week.
        NewTopic(
            settings.dead_letter_topic, 1, replication_factor, config={**config, "retention.ms": str(365 * 86_400_000)}
        ),
    ]
    made = []
    for name, future in client.create_topics(topics, operation_timeout=REQUEST_TIMEOUT_SECONDS).items():
        try:
            future.result(2 * REQUEST_TIMEOUT_SECONDS)
            made.append(name)
        except (KafkaException, TimeoutError) as error:
            kafka_error = error_of(error)
            if kafka_error.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise failure(kafka_error, f"topic {name}", _met(client)) from error
    return made


def _offsets(asker: Asker, asked: list[TopicPartition], spec: OffsetSpec) -> dict[int, int]:
    with _asking(asker, "the partitions' offsets") as client:
        futures = client.list_offsets(
            dict.fromkeys(asked, spec),
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=REQUEST_TIMEOUT_SECONDS,
        )
        return {item.partition: future.result(REQUEST_TIMEOUT_SECONDS).offset for item, future in futures.items()}


@contextmanager
def _asking(asker: Asker, subject: str) -> Iterator[AdminClient]:
    client = asker.get() if isinstance(asker, RenewedAdmin) else asker
    try:
        yield client
    except (KafkaException, TimeoutError) as error:
        if isinstance(asker, RenewedAdmin):
            asker.renew()
        raise failure(error_of(error), subject, _met(client)) from error
    if isinstance(client, Admin):
        client.forget()


def error_of(error: KafkaException | TimeoutError) -> KafkaError:
    """Kafka's error in an exception; one for a future that got no answer in time."""
    if isinstance(error, KafkaException):
        found: KafkaError = error.args[0]
        return found
    return KafkaError(KafkaError._TIMED_OUT, "no answer in time")  # noqa: SLF001 its public name


def _met(client: AdminClient) -> str:
    met = client.met() if isinstance(client, Admin) else None
    return f" ({met.str()})" if met else ""
