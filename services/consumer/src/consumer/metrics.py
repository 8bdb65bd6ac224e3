"""What a worker and upkeep did, for Prometheus."""

from collections.abc import Sequence

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from consumer.live_totals import LiveTotals
from consumer.store import Written

_ROWS = (1, 10, 100, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class UpkeepMetrics:
    """The metrics of upkeep, kept by the pool's parent process."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._success = Gauge(
            "adclicks_upkeep_success_timestamp_seconds",
            "When upkeep last did all of its tasks, in seconds since 1970; 0: not since the start",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._days_ahead = Gauge(
            "adclicks_upkeep_days_ahead",
            "Days after today that have a table for their raw clicks, without a gap",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._failures = Counter("adclicks_upkeep_failures", "Tasks of upkeep that failed", ["task"], registry=registry)

    def succeeded(self) -> None:
        """A round without a failure, now."""
        self._success.set_to_current_time()

    def failed(self, task: str) -> None:
        """``task`` failed and will be tried again."""
        self._failures.labels(task).inc()

    def days_ahead(self, days: int) -> None:
        """What a look at the tables found."""
        self._days_ahead.set(days)


class WorkerMetrics:
    """The metrics of one worker process; the pool's /metrics adds the workers' up."""

    def __init__(self, live_totals: LiveTotals) -> None:
        self._live_totals = live_totals
        self._redis_failures_seen = 0
        self._stored = Counter("adclicks_clicks_stored", "Clicks stored and counted")
        self._duplicates = Counter("adclicks_clicks_duplicate", "Clicks whose id was known already")
        self._rejected = Counter("adclicks_records_rejected", "Records sent to the dead-letter topic")
        self._listed = Counter("adclicks_unregistered_ads_listed", "Ads that nobody has registered that were listed")
        self._listing_closed = Counter(
            "adclicks_listing_ceiling_batches",
            "Batches whose new ads were not all listed, because UNREGISTERED_ADS_PER_HOUR was reached",
        )
        self._redis_failures = Counter("adclicks_redis_failures", "Writes to Redis that failed")
        self._batch_rows = Histogram("adclicks_batch_records", "Records in a batch", buckets=_ROWS)
        self._batch_seconds = Histogram("adclicks_batch_seconds", "Time from a batch to its commit", buckets=_SECONDS)
        self._halted = Gauge(
            "adclicks_consumer_halted",
            "Workers that keep clicks in Kafka because PostgreSQL refuses too many of them",
            multiprocess_mode="livesum",
        )

    def wrote(self, written: Sequence[Written], seconds: float) -> None:
        """A batch, in one or several transactions."""
        stored, duplicates, rejected = (
            sum(counts) for counts in zip(*((w.stored, w.duplicates, w.rejected) for w in written), strict=True)
        )
        self._stored.inc(stored)
        self._duplicates.inc(duplicates)
        self._rejected.inc(rejected)
        self._listed.inc(sum(part.listed.ads for part in written))
        self._listing_closed.inc(sum(part.listed.closed for part in written))
        self._batch_rows.observe(stored + duplicates + rejected)
        self._batch_seconds.observe(seconds)

    def halted(self, halted: bool) -> None:
        """Whether this worker is halted by the limit of refused clicks."""
        self._halted.set(halted)

    def maintained(self) -> None:
        """Redis was looked after."""
        self._redis_failures.inc(self._live_totals.failures - self._redis_failures_seen)
        self._redis_failures_seen = self._live_totals.failures
