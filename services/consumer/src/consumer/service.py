"""The pool's parent process: the supervisor, upkeep, and HTTP for health and metrics."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import falcon.asgi
import uvicorn

from adclicks import logs
from adclicks.http import errors, openapi, operations
from adclicks.http.protocol import HttpProtocol
from adclicks.http.request_id import RequestId
from adclicks.http.routing import Router
from adclicks.http.server import Server, protocol
from adclicks.http.settings import ConnectionSettings
from consumer.metrics import UpkeepMetrics
from consumer.settings import ConsumerSettings
from consumer.supervisor import Supervisor
from consumer.upkeep import Upkeep
from consumer.watch import ProgressWatch


def serve(settings: ConsumerSettings) -> None:
    """Runs until SIGTERM or SIGINT."""
    logs.configure(settings.log, "consumer")
    asyncio.run(_serve(settings))


async def _serve(settings: ConsumerSettings) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    supervisor = Supervisor(settings)
    watch = ProgressWatch(settings, supervisor)
    server = _server(settings, supervisor, watch)
    # Health answers until the last worker is gone: a probe that fails meanwhile would cut the shutdown short.
    listening = [_listen(address.strip(), settings.port) for address in settings.address.split(",")]
    http = asyncio.create_task(server.serve(sockets=listening))
    upkeep = asyncio.create_task(Upkeep(settings, UpkeepMetrics()).run())
    watching = asyncio.create_task(watch.run())
    await supervisor.run(stopping)
    upkeep.cancel()
    watching.cancel()
    watch.close()
    server.should_exit = True
    await asyncio.gather(http, upkeep, watching, return_exceptions=True)


def _server(settings: ConsumerSettings, supervisor: Supervisor, watch: ProgressWatch) -> uvicorn.Server:
    app = falcon.asgi.App(middleware=[RequestId()], router=Router())
    errors.install(app)
    document = openapi.document("Ads Click Tracking: consumer", "Health and metrics of the consumer pool.", {}, {})
    operations.add_routes(
        app,
        live={"workers": supervisor.live, "progress": watch.live},
        ready={"workers": supervisor.ready, "progress": watch.ready},
        document=document,
        collectors=[watch],
    )
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        proxy_headers=False,
        http=cast("type[asyncio.Protocol]", protocol(HttpProtocol, ConnectionSettings())),
        ws="none",
    )
    return _Server(config)


def _listen(address: str, port: int) -> socket.socket:
    """Of several addresses each has a socket; ``::`` takes IPv4 as well where the system lets it."""
    listening = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    # A restart must not wait for the last connections to fade away.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((address, port))
    return listening


class _Server(Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the signals to the pool, which ends the server last."""
        yield
