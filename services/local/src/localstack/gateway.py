"""The one base URL: clicks go to ingest in this process, all else to analytics over HTTP."""

from datetime import UTC, datetime

from adclicks.errors import Problem, retry_later
from ingest.openapi import document as ingest_document
from localstack.api_document import merge
from localstack.asgi_types import App, Message, Receive, Scope, Send
from localstack.proxy import Proxy, Unreachable

CLICK_PATHS = ("/ads/click", "/ads/clicks")
INGEST_PREFIX = "/ingest"
RETRY_AFTER_SECONDS = 1
_READING = ("GET", "HEAD")


def create_app(ingest: App, analytics_url: str) -> App:
    """``ingest``: the whole application, lifespan and all; ``analytics_url``: where the other service listens."""
    return Gateway(ingest, Proxy(analytics_url))


class Gateway:
    """Chooses by the path."""

    def __init__(self, ingest: App, analytics: Proxy) -> None:
        """Makes no connection yet."""
        self._ingest = ingest
        self._analytics = analytics
        # The hot path, a click, costs one look into this.
        self._direct: dict[str | None, App] = dict.fromkeys(CLICK_PATHS, ingest)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        handler = self._direct.get(scope.get("path"))
        if handler is not None:
            await handler(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            await self._others(scope, receive, send)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ingest's own, inside of that of the connections to analytics."""

        async def send_after_closing(message: Message) -> None:
            # The server ends its loop on this word: what is closed after it may never get to it.
            if message["type"].startswith("lifespan.shutdown"):
                await self._analytics.close()
            await send(message)

        await self._ingest(scope, receive, send_after_closing)

    async def _others(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        try:
            if path.startswith(f"{INGEST_PREFIX}/"):
                await self._ingest(_without_prefix(scope), receive, send)
            elif path == "/openapi.json" and scope["method"] in _READING:
                await self._answer_document(scope, send)
            else:
                await self._analytics.forward(scope, receive, send)
        except Unreachable as error:
            away = f"Analytics does not answer: {error}"
            await _refuse(scope, send, retry_later(away, RETRY_AFTER_SECONDS))
        except Problem as problem:
            await _refuse(scope, send, problem)

    async def _answer_document(self, scope: Scope, send: Send) -> None:
        """GET and HEAD /openapi.json: both services' documents as one."""
        body = merge(ingest_document(), await self._analytics.get("/openapi.json"), INGEST_PREFIX)
        await _answer(scope, send, 200, body, [])


def _without_prefix(scope: Scope) -> Scope:
    raw_path = scope.get("raw_path") or scope["path"].encode()
    size = len(INGEST_PREFIX)
    return {**scope, "path": scope["path"][size:], "raw_path": raw_path[size:]}


async def _refuse(scope: Scope, send: Send, problem: Problem) -> None:
    seconds = problem.retry_after_seconds
    headers = [] if seconds is None else [(b"retry-after", str(seconds).encode())]
    await _answer(scope, send, problem.status, problem.envelope(datetime.now(UTC)), headers)


async def _answer(scope: Scope, send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    """The headers are those of GET also for HEAD."""
    own = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*own, *headers]})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
