"""What analytics is told by its environment."""

from dataclasses import dataclass

from adclicks.http.settings import HttpSettings
from adclicks.settings import KafkaSettings, LogSettings, PostgresSettings, RedisSettings, number, setting, whole


@dataclass(frozen=True)
class AnalyticsSettings:
    """All settings of analytics."""

    http: HttpSettings
    postgres: PostgresSettings
    redis: RedisSettings
    kafka: KafkaSettings
    log: LogSettings
    pool_connections: int = setting("DB_POOL_SIZE", "connections to PostgreSQL, at most, a worker", whole(1, 100), 8)
    queue_requests: int = setting(
        "DB_QUEUE_REQUESTS", "how many requests may wait for a connection, a worker, before 503", whole(1, 100_000), 500
    )
    queue_timeout_seconds: float = setting(
        "DB_QUEUE_TIMEOUT_SECONDS", "how long a request may wait for a connection before 503", number(0.1, 60), 2.0
    )
    query_timeout_seconds: float = setting(
        "DB_QUERY_TIMEOUT_SECONDS", "how long a query may take before 503", number(0.1, 60), 5.0
    )
    totals_max_age_ms: int = setting(
        "TOTALS_MAX_AGE_MS",
        "how old the totals of GET /ads/analytics may be; they are asked for at most that often",
        whole(0, 10_000),
        250,
    )
