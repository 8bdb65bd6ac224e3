"""How long requests take, and how many are under way, as Prometheus metrics."""

import asyncio
from bisect import bisect_left
from time import perf_counter
from typing import Any

import falcon
import falcon.asgi
from prometheus_client import REGISTRY, CollectorRegistry, Gauge, Histogram

from adclicks.metrics import LATENCY_BUCKETS

# What a caller makes up must not become a label: each value would be a time series of its own.
_UNMATCHED = "unmatched"
_OTHER_METHOD = "other"
# How old /metrics may be. An observation in a file that processes share costs 3 µs, one in a list a tenth of that.
FLUSH_SECONDS = 0.5


class RequestMetrics:
    """Falcon middleware; put it first, so that it sees the whole of each request.

    ``adclicks_http_request_seconds`` by route template, method and status; ``adclicks_http_requests_in_flight``.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._in_flight = Gauge(
            "adclicks_http_requests_in_flight",
            "Requests that are being answered",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._seconds = Histogram(
            "adclicks_http_request_seconds",
            "Time from a request's head to its answer",
            ("route", "method", "status"),
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._now_in_flight = 0
        self._by_labels: dict[tuple[str | None, str, int], BufferedHistogram] = {}
        self._flushing: asyncio.Task[None] | None = None

    async def process_startup(self, _scope: dict[str, Any], _event: dict[str, Any]) -> None:
        """From now on what was observed is flushed twice a second."""
        self._flushing = asyncio.create_task(self._flush_forever())

    async def process_shutdown(self, _scope: dict[str, Any], _event: dict[str, Any]) -> None:
        """A last time."""
        if self._flushing is not None:
            self._flushing.cancel()
        self.flush()

    async def process_request(self, request: falcon.asgi.Request, _response: falcon.asgi.Response) -> None:
        """Starts the clock."""
        request.context.started = perf_counter()
        self._now_in_flight += 1

    async def process_response(
        self, request: falcon.asgi.Request, response: falcon.asgi.Response, _resource: object, _succeeded: bool
    ) -> None:
        """Stops it."""
        started = request.context.get("started")
        if started is None:
            return
        self._now_in_flight -= 1
        self.observe(request.uri_template, request.method, response.status_code, perf_counter() - started)

    def observe(self, route: str | None, method: str, status: int, seconds: float) -> None:
        """One answer; ``route`` is None where no route matched."""
        if method not in falcon.COMBINED_METHODS:
            method = _OTHER_METHOD
        labels = (route, method, status)
        buffered = self._by_labels.get(labels)
        if buffered is None:
            child = self._seconds.labels(route or _UNMATCHED, method, str(status))
            buffered = self._by_labels[labels] = BufferedHistogram(child)
        buffered.observe(seconds)

    def flush(self) -> None:
        """Hands on what was observed since the last time."""
        self._in_flight.set(self._now_in_flight)
        for buffered in self._by_labels.values():
            buffered.flush()

    async def _flush_forever(self) -> None:
        while True:
            self.flush()
            await asyncio.sleep(FLUSH_SECONDS)


class BufferedHistogram:
    """Collects observations in plain numbers, and adds them to ``target`` at ``flush``.

    prometheus_client has no call that adds many at once; this uses two attributes of it, which a test holds it to.
    """

    def __init__(self, target: Histogram) -> None:
        self._target = target
        self._bounds = LATENCY_BUCKETS
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """One observation."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def flush(self) -> None:
        """Adds what was collected."""
        if not any(self._counts):
            return
        counts, self._counts = self._counts, [0] * len(self._counts)
        total, self._sum = self._sum, 0.0
        for bucket, observed in zip(self._target._buckets, counts, strict=True):  # noqa: SLF001 see the class
            if observed:
                bucket.inc(observed)
        self._target._sum.inc(total)  # noqa: SLF001 see the class
