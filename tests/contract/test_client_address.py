"""Whose address a click is stored under: the same answer on both ways through ingest, for every form of X-Forwarded-For."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import falcon.asgi
import falcon.testing
import pytest
from prometheus_client import CollectorRegistry

from adclicks.click import decode_event
from adclicks.http.metrics import RequestMetrics
from ingest.clicks import ClickResource
from ingest.door import Door
from ingest.fast_lane import FastLane
from ingest.peer import connection_address
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
    assert lane.take(request, connection_address(client), lambda _head, _body: None)
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
