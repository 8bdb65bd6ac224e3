"""The two resources that take clicks. Both answer 202 only when Kafka has acknowledged."""

import asyncio
from collections.abc import Generator
from typing import Any

import falcon
import falcon.asgi
import msgspec

from adclicks.errors import Problem
from adclicks.http.body import read_body, require_media_type
from ingest.batch import sort_out, split_array, split_lines
from ingest.door import Door
from ingest.peer import client_address, connection_address
from ingest.settings import Networks

CLICK_BYTES_MAX = 16 * 1024
BATCH_BYTES_MAX = 1024 * 1024
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
RECEIVED = b'{"data":"click event received"}'


class ClickResource:
    """POST /ads/click."""

    def __init__(self, door: Door, trusted: Networks) -> None:
        self._door = door
        self._trusted = trusted

    async def on_post(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """One click."""
        require_media_type(request, (falcon.MEDIA_JSON,))
        body = await read_body(request, CLICK_BYTES_MAX)
        outcome = Outcome()
        self._door.take(body, _peer(request, self._trusted), outcome.done)
        await outcome
        response.status = 202
        response.content_type = falcon.MEDIA_JSON
        response.data = RECEIVED


class ClickBatchResource:
    """POST /ads/clicks."""

    def __init__(self, door: Door, trusted: Networks) -> None:
        self._door = door
        self._trusted = trusted

    async def on_post(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """Up to 1,000 clicks, as a JSON array or as lines. Unless Kafka has them all the client sends all of them again."""
        media_type = require_media_type(request, (falcon.MEDIA_JSON, *NDJSON))
        body = await read_body(request, BATCH_BYTES_MAX)
        events = split_lines(body) if media_type in NDJSON else split_array(body)
        batch = sort_out(events, self._door.latest())
        outcome = Outcome()
        self._door.take_checked(batch.accepted, _peer(request, self._trusted), outcome.done)
        await outcome
        response.status = 202
        response.content_type = falcon.MEDIA_JSON
        response.data = msgspec.json.encode(
            {"data": {"accepted": len(batch.accepted), "rejected": batch.rejected, "details": batch.details}}
        )


class Outcome:
    """Awaited, it returns when ``done`` was called with None, and raises the ``Problem`` that it was called with."""

    def __init__(self) -> None:
        self._future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def done(self, problem: Problem | None) -> None:
        """See ``ingest.publisher.Done``."""
        # The server has cancelled the wait of a client that hung up.
        if self._future.done():
            return
        if problem is None:
            self._future.set_result(None)
        else:
            self._future.set_exception(problem)

    def __await__(self) -> Generator[Any, None, None]:
        return self._future.__await__()


def _peer(request: falcon.asgi.Request, trusted: Networks) -> str:
    peer = connection_address(request.scope.get("client"))
    forwarded_for = request.get_header("X-Forwarded-For") if trusted else None
    return peer if forwarded_for is None else client_address(peer, [forwarded_for], trusted)
