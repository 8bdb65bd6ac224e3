"""What the consumer pool is told by its environment."""

from dataclasses import dataclass

from adclicks.settings import (
    KafkaSettings,
    LogSettings,
    PostgresSettings,
    RedisSettings,
    number,
    one_of,
    setting,
    text,
    whole,
)


@dataclass(frozen=True)
class ConsumerSettings:
    """All settings of the consumer pool."""

    kafka: KafkaSettings
    postgres: PostgresSettings
    redis: RedisSettings
    log: LogSettings
    port: int = setting("PORT", "where health and metrics are served", whole(1, 65535), 8080)
    address: str = setting(
        "LISTEN_ADDRESS",
        "the local address to listen on, or several separated by commas; 0.0.0.0 is all of them",
        text,
        "0.0.0.0",  # noqa: S104 probes come from outside the container
    )
    workers: int = setting("CONSUMER_WORKERS", "worker processes, each a member of the group", whole(1, 256), 1)
    group: str = setting("KAFKA_GROUP", "the consumer group", text, "adclicks-consumer")
    group_protocol: str = setting(
        "KAFKA_GROUP_PROTOCOL",
        "consumer (KIP-848, brokers from 4.0 on) or classic (cooperative-sticky, for older ones)",
        one_of("consumer", "classic"),
        "consumer",
    )
    batch_rows: int = setting("CONSUMER_BATCH_ROWS", "clicks in a transaction, at the most", whole(1, 100_000), 10_000)
    batch_ms: int = setting("CONSUMER_BATCH_MS", "how long a batch waits to fill", whole(1, 10_000), 200)
    rate_limit: float = setting(
        "CONSUMER_RATE_LIMIT", "clicks a second a worker takes at the most; 0: no limit", number(0, 1_000_000), 0.0
    )
    unregistered_per_hour: int = setting(
        "UNREGISTERED_ADS_PER_HOUR",
        "ads that nobody has registered that are listed in an hour, at the most; their clicks count all the same; 0: no limit",
        whole(0, 1_000_000_000),
        10_000,
    )
    stall_seconds: float = setting(
        "CONSUMER_STALL_SECONDS", "how long a worker may make no step before it is replaced", number(5, 3600), 60.0
    )
    progress_seconds: float = setting(
        "CONSUMER_PROGRESS_SECONDS",
        "how long records may wait for a worker that stores none, while Kafka and PostgreSQL answer; then it is replaced",
        number(5, 3600),
        15.0,
    )
    dead_letter_max_ratio: float = setting(
        "CONSUMER_DEAD_LETTER_MAX_RATIO",
        "the share of a worker's last 1,000 clicks that PostgreSQL may refuse; beyond it the worker keeps the clicks in "
        "Kafka and tries again; 0: no limit",
        number(0, 1),
        0.8,
    )
    dead_letter_max_consecutive: int = setting(
        "CONSUMER_DEAD_LETTER_MAX_CONSECUTIVE",
        "how many clicks in a row PostgreSQL may refuse; beyond it the worker keeps the clicks in Kafka and tries again; "
        "0: no limit",
        whole(0, 1_000_000),
        100,
    )
    retention_days: int = setting(
        "CLICK_RETENTION_DAYS", "how long raw clicks are kept after they were stored", whole(1, 36_500), 90
    )
    horizon_days: int = setting(
        "DEDUP_HORIZON_DAYS",
        "how long after it was stored a click id is still known: sent again later, the click counts again",
        whole(1, 36_500),
        30,
    )
