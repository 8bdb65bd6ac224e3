"""What operators ask of a service: is it alive, is it ready, its metrics, its API."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any

import falcon
import falcon.asgi
import msgspec
from prometheus_client.registry import Collector

from adclicks import metrics
from adclicks.errors import FieldError, Problem

# None where all is well, else what is wrong, as the end of a sentence: "kafka: does not answer".
Check = Callable[[], Awaitable[str | None]]


class Health:
    """Answers 200 where every check passes, else 503 and each that does not."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks

    async def on_get(self, _request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """GET /healthz/live and /healthz/ready."""
        failed = []
        for name, check in self._checks.items():
            error = await check()
            if error is not None:
                failed.append(FieldError(name, error))
        if failed:
            raise Problem(503, "NOT_HEALTHY", "Not healthy.", tuple(failed), retry_after_seconds=1)
        response.data = b'{"status":"ok"}'
        response.content_type = falcon.MEDIA_JSON


class Metrics:
    """GET /metrics. ``collectors``: see ``adclicks.metrics.exposition``."""

    def __init__(self, collectors: Sequence[Collector] = ()) -> None:
        self._collectors = collectors
        self._reading = asyncio.Lock()

    async def on_get(self, _request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """Prometheus' text format."""
        # Beside the event loop: it reads files. One at a time: whoever asks often must not fill the threads.
        async with self._reading:
            response.data = await asyncio.to_thread(metrics.exposition, self._collectors)
        response.content_type = metrics.CONTENT_TYPE


class ApiDescription:
    """GET /openapi.json."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = msgspec.json.encode(document)

    async def on_get(self, _request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """The OpenAPI document."""
        response.data = self._document
        response.content_type = falcon.MEDIA_JSON


class ApiPage:
    """GET /docs: a page to read the API's description, without anything from elsewhere."""

    def __init__(self) -> None:
        self._page = (files("adclicks.http") / "docs.html").read_bytes()

    async def on_get(self, _request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """The page; it reads openapi.json beside it."""
        response.data = self._page
        response.content_type = falcon.MEDIA_HTML


def add_routes(
    app: falcon.asgi.App[Any, Any],
    live: Mapping[str, Check],
    ready: Mapping[str, Check],
    document: Mapping[str, Any],
    collectors: Sequence[Collector] = (),
) -> None:
    """The five paths that every HTTP service of ours has."""
    app.add_route("/healthz/live", Health(live))
    app.add_route("/healthz/ready", Health(ready))
    app.add_route("/metrics", Metrics(collectors))
    app.add_route("/openapi.json", ApiDescription(document))
    app.add_route("/docs", ApiPage())
