"""What ``adclicks-local`` is told by its environment."""

from collections import Counter
from dataclasses import dataclass, fields
from pathlib import Path

from adclicks.settings import setting, text, topic_name, whole
from localstack.ports import loopback

_port = whole(1, 65535)
# src/localstack/settings.py lies four folders below the clone's own.
CLONE = Path(__file__).resolve().parents[4]


@dataclass(frozen=True)
class LocalSettings:
    """All settings of the local stack; the services read their own from the same environment."""

    port: int = setting("PORT", "the base URL's port: all of the API is there", _port, 8080)
    address: str | None = setting(
        "LISTEN_ADDRESS",
        "where the base URL listens; by default this machine alone, by IPv4 and IPv6; 0.0.0.0 lets others in",
        text,
        None,
    )
    analytics_port: int = setting("LOCAL_ANALYTICS_PORT", "analytics' own port", _port, 8081)
    consumer_port: int = setting("LOCAL_CONSUMER_PORT", "the consumer's health and metrics", _port, 8082)
    kafka_port: int = setting("LOCAL_KAFKA_PORT", "Kafka", _port, 19092)
    postgres_port: int = setting("LOCAL_POSTGRES_PORT", "PostgreSQL", _port, 15432)
    valkey_port: int = setting("LOCAL_VALKEY_PORT", "Valkey", _port, 16379)
    partitions: int = setting(
        "LOCAL_PARTITIONS", "partitions of the topic of clicks when it is made", whole(1, 1000), 6
    )
    topic: str = setting("KAFKA_TOPIC", "the topic of the clicks", topic_name, "clicks")
    data_folder: str = setting(
        "ADCLICKS_DATA_DIR", "where data and logs are kept; by default .data in the clone", text, str(CLONE / ".data")
    )

    @property
    def addresses(self) -> tuple[str, ...]:
        """``address``, or what ``localhost`` means here."""
        return loopback() if self.address is None else tuple(self.address.split(","))

    @property
    def data(self) -> Path:
        """``data_folder`` as an absolute path."""
        return Path(self.data_folder).expanduser().absolute()

    @property
    def logs(self) -> Path:
        """Where the logs are."""
        return self.data / "logs"

    def ports(self) -> dict[str, int]:
        """Each port by the variable that sets it."""
        return {
            item.metadata["name"]: getattr(self, item.name) for item in fields(self) if item.metadata["parse"] is _port
        }

    def shared_ports(self) -> list[str]:
        """A sentence for each port that two things are told to use."""
        count = Counter(self.ports().values())
        return [
            " and ".join(name for name, value in self.ports().items() if value == port)
            + f" {'are both' if times == 2 else 'are all'} {port}"
            for port, times in count.items()
            if times > 1
        ]
