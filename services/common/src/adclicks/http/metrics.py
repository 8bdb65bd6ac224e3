"""How long requests take, and how many are under way, as Prometheus metrics."""

from time import perf_counter
from typing import Any

import falcon
import falcon.asgi
from prometheus_client import REGISTRY, CollectorRegistry, Gauge, Histogram

from adclicks.metrics import LATENCY_BUCKETS

# What a caller makes up must not become a label: each value would be a time series of its own.
_UNMATCHED = "unmatched"
_OTHER_METHOD = "other"


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
        # Finding a labelled child takes a lock and a tuple of strings; a dict look-up is a tenth of that.
        self._by_labels: dict[tuple[str, str, int], Any] = {}

    async def process_request(self, request: falcon.asgi.Request, _response: falcon.asgi.Response) -> None:
        """Starts the clock."""
        request.context.started = perf_counter()
        self._in_flight.inc()

    async def process_response(
        self, request: falcon.asgi.Request, response: falcon.asgi.Response, _resource: object, _succeeded: bool
    ) -> None:
        """Stops it."""
        started = request.context.get("started")
        if started is None:
            return
        self._in_flight.dec()
        self.observe(request.uri_template, request.method, response.status_code, perf_counter() - started)

    def observe(self, route: str | None, method: str, status: int, seconds: float) -> None:
        """One answer; ``route`` is None where no route matched."""
        labels = (route or _UNMATCHED, method if method in falcon.COMBINED_METHODS else _OTHER_METHOD, status)
        child = self._by_labels.get(labels)
        if child is None:
            child = self._by_labels[labels] = self._seconds.labels(labels[0], labels[1], str(status))
        child.observe(seconds)
