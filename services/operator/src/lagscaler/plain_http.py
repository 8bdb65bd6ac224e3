"""Plain HTTP: health, Prometheus' metrics, and the number for KEDA's metrics-api scaler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from lagscaler import prometheus
from lagscaler.numbered import Numbers
from lagscaler.scaler import NoNumberError

Handler = Callable[[web.Request], Awaitable[web.Response]]

TEXT = "text/plain; version=0.0.4; charset=utf-8"


def create_app(numbers: Numbers, is_alive: Callable[[], bool], is_ready: Callable[[], bool]) -> web.Application:
    """What it serves is no secret within the cluster: numbers of replicas and of messages."""
    app = web.Application()
    app.router.add_get("/healthz/live", _health(is_alive))
    app.router.add_get("/healthz/ready", _health(is_ready))
    app.router.add_get("/metrics", _metrics(prometheus.registry(numbers)))
    app.router.add_get("/autoscalers/{namespace}/{name}", _number(numbers))
    return app


def _health(good: Callable[[], bool]) -> Handler:
    async def health(_request: web.Request) -> web.Response:
        return web.Response(text="ok") if good() else web.Response(status=503, text="not now")

    return health


def _metrics(registry: CollectorRegistry) -> Handler:
    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": TEXT})

    return metrics


def _number(numbers: Numbers) -> Handler:
    async def number(request: web.Request) -> web.Response:
        found = numbers.find(request.match_info["namespace"], request.match_info["name"])
        if found is None:
            return web.json_response({"error": "there is no such LagAutoscaler"}, status=404)
        try:
            return web.json_response({"desired": await found.desired()})
        except NoNumberError as error:
            return web.json_response({"error": str(error)}, status=503)

    return number
