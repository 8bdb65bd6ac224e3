"""Whose address a click is stored under: the same answer on both ways through ingest, for every form of X-Forwarded-For."""

import asyncio
import socket
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import falcon.asgi
import falcon.testing
import pytest
import uvicorn
from prometheus_client import CollectorRegistry
from uvicorn.server import ServerState

from adclicks.click import decode_event
from adclicks.http.metrics import RequestMetrics
from adclicks.http.server import protocol
from adclicks.http.settings import ConnectionSettings
from adclicks.settings import read
from ingest.clicks import ClickResource
from ingest.door import Door
from ingest.fast_lane import LANE, FastLane
from ingest.peer import connection_address
from ingest.protocol import ClickProtocol
from ingest.publisher import Done
from ingest.settings import networks
from testbed.clicks import EXAMPLE, encode
from testbed.publishers import MemoryPublisher

TRUSTED = networks("10.0.0.0/8,2001:db8::/32")
CLICK = encode(EXAMPLE)


class AtOnce(MemoryPublisher):
    """Acknowledges each click as it comes."""

    def publish(self, key: str, value: bytes, done: Done) -> None:
        """See ``MemoryPublisher``."""
        super().publish(key, value, done)
        self.acknowledge_all()


def stored_peer(publisher: MemoryPublisher) -> str | None:
    """The address in the one event of the log."""
    ((_, value),) = publisher.log
    return decode_event(value).peer


def by_the_fast_path(client: tuple[str, int], lines: Sequence[str]) -> str | None:
    """The bytes of a plain request; asserts that the fast path takes it."""
    publisher = AtOnce()
    lane = FastLane(Door(publisher, timedelta(days=1)), TRUSTED, RequestMetrics(CollectorRegistry()))
    head = ["POST /ads/click HTTP/1.1", "Host: x", "Content-Type: application/json", f"Content-Length: {len(CLICK)}"]
    request = "\r\n".join([*head, *(f"X-Forwarded-For: {line}" for line in lines), "", ""]).encode() + CLICK
    assert lane.take(request, connection_address(client), lambda _head, _body: None) == len(request)
    return stored_peer(publisher)


async def by_the_slow_path(client: tuple[str, int], lines: Sequence[str]) -> str | None:
    """Through Falcon."""
    publisher = AtOnce()
    app = falcon.asgi.App()
    app.add_route("/ads/click", ClickResource(Door(publisher, timedelta(days=1)), TRUSTED))
    headers = [("content-type", "application/json"), *(("x-forwarded-for", line) for line in lines)]
    scope = falcon.testing.create_scope(method="POST", path="/ads/click", headers=headers, content_length=len(CLICK))
    answers: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": CLICK, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        answers.append(message)

    await app({**scope, "client": client}, receive, send)
    assert answers[0]["status"] == 202
    return stored_peer(publisher)


@pytest.mark.parametrize(
    ("client", "lines", "expected"),
    [
        (("203.0.113.5", 1), ["1.1.1.1"], "203.0.113.5"),
        (("10.1.1.1", 1), [], "10.1.1.1"),
        (("10.1.1.1", 1), ["203.0.113.7:51234"], "203.0.113.7"),
        (("10.1.1.1", 1), ["[2001:db9::7]:443"], "2001:db9::7"),
        (("10.1.1.1", 1), ["::ffff:203.0.113.7"], "203.0.113.7"),
        (("::ffff:10.1.1.1", 1), ["203.0.113.7"], "203.0.113.7"),
        (("::ffff:203.0.113.5", 1), ["1.1.1.1"], "203.0.113.5"),
        (("10.1.1.1", 1), ["6.6.6.6", "203.0.113.7", "10.2.2.2"], "203.0.113.7"),
        (("10.1.1.1", 1), ["6.6.6.6 ,203.0.113.7", " 10.2.2.2 "], "203.0.113.7"),
        (("10.1.1.1", 1), ["203.0.113.7, unknown"], "10.1.1.1"),
        (("10.1.1.1", 1), ["203.0.113.7", "_hidden"], "10.1.1.1"),
        (("10.1.1.1", 1), ["203.0.113.7", ""], "10.1.1.1"),
        (("2001:db8::1", 1), ["2001:DB9:0::7"], "2001:db9::7"),
        (("fe80::1%eth0", 1), ["203.0.113.7"], "fe80::1"),
    ],
)
async def test_both_paths_store_the_same_address(client: tuple[str, int], lines: list[str], expected: str) -> None:
    """The fast path reads header lines, Falcon reads them joined."""
    assert by_the_fast_path(client, lines) == expected
    assert await by_the_slow_path(client, lines) == expected


@pytest.mark.parametrize("line", ["X-Any: 1", "Content-Encoding: identity"])
async def test_a_client_of_a_dual_stack_listener_has_its_ipv4_address(line: str) -> None:
    """Over real connections: the second request is not plain, and takes the slow path."""
    publisher = AtOnce()
    door = Door(publisher, timedelta(days=1))
    app = falcon.asgi.App()
    app.add_route("/ads/click", ClickResource(door, TRUSTED))
    lane = FastLane(door, TRUSTED, RequestMetrics(CollectorRegistry()))
    config = uvicorn.Config(
        app, http=protocol(ClickProtocol, read(ConnectionSettings, {})), lifespan="off", log_config=None
    )
    config.load()

    def connection() -> asyncio.Protocol:
        made = config.http_protocol_class(config=config, server_state=ServerState(), app_state={LANE: lane})
        assert isinstance(made, ClickProtocol)
        return made

    listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    server = await asyncio.get_running_loop().create_server(connection, sock=listener)
    head = f"POST /ads/click HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(CLICK)}\r\n{line}"
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.getsockname()[1])
    writer.write(f"{head}\r\n\r\n".encode() + CLICK)
    assert (await reader.readline()).split()[1] == b"202"
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()
    assert stored_peer(publisher) == "127.0.0.1"
