"""The two resources that take clicks. Both answer 202 only when Kafka has acknowledged."""

import asyncio
from datetime import UTC, datetime

import falcon
import falcon.asgi
import msgspec

from adclicks.click import decode_click, encode_event
from adclicks.errors import Problem
from adclicks.http.body import read_body, require_media_type
from ingest.batch import sort_out, split_array, split_lines
from ingest.peer import client_address
from ingest.publisher import ClickPublisher
from ingest.settings import IngestSettings

CLICK_BYTES_MAX = 16 * 1024
BATCH_BYTES_MAX = 1024 * 1024
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
_RECEIVED = b'{"data":"click event received"}'


class ClickResource:
    """POST /ads/click."""

    def __init__(self, settings: IngestSettings, publisher: ClickPublisher) -> None:
        self._settings = settings
        self._publisher = publisher

    async def on_post(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """One click."""
        require_media_type(request, (falcon.MEDIA_JSON,))
        body = await read_body(request, CLICK_BYTES_MAX)
        now = datetime.now(UTC)
        click = decode_click(body, now + self._settings.max_ahead)
        await _publish_all(self._publisher, [(str(click.click_id), body)], now, _peer(request, self._settings))
        response.status = 202
        response.content_type = falcon.MEDIA_JSON
        response.data = _RECEIVED


class ClickBatchResource:
    """POST /ads/clicks."""

    def __init__(self, settings: IngestSettings, publisher: ClickPublisher) -> None:
        self._settings = settings
        self._publisher = publisher

    async def on_post(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """Up to 1,000 clicks, as a JSON array or as lines."""
        media_type = require_media_type(request, (falcon.MEDIA_JSON, *NDJSON))
        body = await read_body(request, BATCH_BYTES_MAX)
        events = split_lines(body) if media_type in NDJSON else split_array(body)
        now = datetime.now(UTC)
        batch = sort_out(events, now + self._settings.max_ahead)
        await _publish_all(self._publisher, batch.accepted, now, _peer(request, self._settings))
        response.status = 202
        response.content_type = falcon.MEDIA_JSON
        response.data = msgspec.json.encode(
            {"data": {"accepted": len(batch.accepted), "rejected": batch.rejected, "details": batch.details}}
        )


async def _publish_all(publisher: ClickPublisher, clicks: list[tuple[str, bytes]], now: datetime, peer: str) -> None:
    """Waits until Kafka has all of ``clicks``. Raises the first ``Problem``; the client then sends all of them again."""
    received_at = now.isoformat().replace("+00:00", "Z")
    outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting = len(clicks)

    def done(problem: Problem | None) -> None:
        nonlocal waiting
        waiting -= 1
        # A client that hung up has cancelled the future.
        if outcome.done():
            return
        if problem is not None:
            outcome.set_exception(problem)
        elif waiting == 0:
            outcome.set_result(None)

    try:
        for click_id, click_json in clicks:
            publisher.publish(click_id, encode_event(click_json, received_at, peer), done)
    except Problem:
        # Those already sent report later, to nobody.
        outcome.cancel()
        raise
    await outcome


def _peer(request: falcon.asgi.Request, settings: IngestSettings) -> str:
    peer = (request.scope.get("client") or ("0.0.0.0", 0))[0]  # noqa: S104 the unknown address, nothing listens on it
    if not settings.trusted_proxies:
        return peer
    return client_address(peer, [request.get_header("X-Forwarded-For") or ""], settings.trusted_proxies)
