"""What became of the clicks, for Prometheus."""

import asyncio
from typing import Any

from prometheus_client import Counter, Gauge

from ingest.publisher import Publisher

# Counting each click costs a microsecond in shared memory; copying the sums costs nothing that one could measure.
COPY_SECONDS = 0.5


class PublisherMetrics:
    """Falcon middleware that copies the publisher's own counts to Prometheus twice a second."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._produced = Counter("adclicks_clicks_produced", "Clicks handed to the Kafka client")
        self._acknowledged = Counter("adclicks_clicks_acknowledged", "Clicks that Kafka acknowledged")
        self._failed = Counter("adclicks_clicks_failed", "Clicks answered 503: refused or not acknowledged in time")
        self._waiting = Gauge(
            "adclicks_clicks_waiting", "Clicks that wait for Kafka's acknowledgement", multiprocess_mode="livesum"
        )
        replaced = Counter(
            "adclicks_producers_replaced",
            "Kafka producers made anew: broken (a fatal error), stalled (nothing acknowledged while clicks timed out), "
            "or batches (its requests were larger than the topic takes)",
            ["reason"],
        )
        self._replaced = [replaced.labels(reason) for reason in ("broken", "stalled", "batches")]
        self._copied = (0, 0, 0, 0, 0, 0)
        self._task: asyncio.Task[None] | None = None

    async def process_startup(self, _scope: dict[str, Any], _event: dict[str, Any]) -> None:
        """Starts copying."""
        self._task = asyncio.create_task(self._copy_forever())

    async def process_shutdown(self, _scope: dict[str, Any], _event: dict[str, Any]) -> None:
        """Copies a last time."""
        if self._task is not None:
            self._task.cancel()
        self._copy()

    async def _copy_forever(self) -> None:
        while True:
            self._copy()
            await asyncio.sleep(COPY_SECONDS)

    def _copy(self) -> None:
        publisher = self._publisher
        now = (
            publisher.produced,
            publisher.acknowledged,
            publisher.failed,
            publisher.replaced_broken,
            publisher.replaced_stalled,
            publisher.replaced_batches,
        )
        counters = (self._produced, self._acknowledged, self._failed, *self._replaced)
        for counter, new, old in zip(counters, now, self._copied, strict=True):
            counter.inc(new - old)
        self._copied = now
        self._waiting.set(publisher.in_flight)
