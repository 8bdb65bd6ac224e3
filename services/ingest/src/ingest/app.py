"""Builds the ingest application."""

import asyncio
from random import Random
from typing import Any

import falcon.asgi

from adclicks.http import errors, operations
from adclicks.http.metrics import RequestMetrics
from adclicks.http.request_id import RequestId
from adclicks.http.routing import Router
from adclicks.mounted_files import MountedFiles
from ingest.clicks import ClickBatchResource, ClickResource
from ingest.door import Door
from ingest.fast_lane import LANE, FastLane
from ingest.metrics import PublisherMetrics
from ingest.openapi import document
from ingest.publisher import STALLED_TIMEOUTS, Publisher
from ingest.rotation import RestartOnRotation
from ingest.settings import IngestSettings

_PROBE_INTERVAL_SECONDS = 1.0


def create_app(settings: IngestSettings) -> falcon.asgi.App[Any, Any]:
    """The ASGI application; its clients are made by its lifespan, after the fork."""
    publisher = Publisher(settings)
    door = Door(publisher, settings.max_ahead)
    health = IngestHealth(settings, publisher)
    request_metrics = RequestMetrics()
    middleware: list[Any] = [
        request_metrics,
        RequestId(),
        PublisherLifespan(publisher),
        FastLaneLifespan(FastLane(door, settings.trusted_proxies, request_metrics)),
        PublisherMetrics(publisher),
        RestartOnRotation(MountedFiles(settings.kafka.files()), Random()),  # noqa: S311 jitter
    ]
    app = falcon.asgi.App(middleware=middleware, router=Router())
    errors.install(app)
    app.add_route("/ads/click", ClickResource(door, settings.trusted_proxies))
    app.add_route("/ads/clicks", ClickBatchResource(door, settings.trusted_proxies))
    operations.add_routes(app, live={"publisher": health.live}, ready={"kafka": health.ready}, document=document())
    return app


class PublisherLifespan:
    """Falcon middleware that starts the publisher with the server and lets it finish at the end."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    async def process_startup(self, _scope: dict[str, Any], _event: dict[str, Any]) -> None:
        """Before the first request."""
        self._publisher.start()

    async def process_shutdown(self, _scope: dict[str, Any], _event: dict[str, Any]) -> None:
        """After the last request."""
        await self._publisher.close()


class FastLaneLifespan:
    """Falcon middleware that hands the fast lane to the server's protocol, where the server is ours."""

    def __init__(self, lane: FastLane) -> None:
        self._lane = lane

    async def process_startup(self, scope: dict[str, Any], _event: dict[str, Any]) -> None:
        """Puts it where the protocol looks for it: into ASGI's lifespan state."""
        scope.get("state", {})[LANE] = self._lane


class IngestHealth:
    """Alive: clicks that wait get their answer. Ready: Kafka answers; asked at most once a second.

    Reports come, good or bad, within the acknowledgement timeout; after twice that long the loop that fetches them is stuck.
    """

    def __init__(self, settings: IngestSettings, publisher: Publisher) -> None:
        self._publisher = publisher
        self._stalled_limit_seconds = STALLED_TIMEOUTS * settings.acknowledge_timeout_seconds
        self._probed_at = float("-inf")
        self._unavailable: str | None = None

    async def live(self) -> str | None:
        """A check of ``adclicks.http.operations``."""
        stalled_seconds = self._publisher.stalled_seconds()
        return f"no report for {stalled_seconds:.0f} s" if stalled_seconds > self._stalled_limit_seconds else None

    async def ready(self) -> str | None:
        """A check of ``adclicks.http.operations``."""
        now = asyncio.get_running_loop().time()
        if now - self._probed_at > _PROBE_INTERVAL_SECONDS:
            self._probed_at = now
            self._unavailable = await self._publisher.unavailable()
        return self._unavailable
