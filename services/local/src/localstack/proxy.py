"""Passes requests on to another HTTP service.

A request is read whole before it is passed on, and an answer before it is sent: a connection there is in use only while
that service works. However slowly a hundred clients send or read, all others have their answers.
"""

from collections.abc import Iterable
from tempfile import SpooledTemporaryFile

import httpx

from adclicks.errors import payload_too_large
from localstack.asgi_types import Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]

# RFC 9110, 7.6.1: these are between two neighbours only, and so is whatever Connection names.
HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    b"upgrade http2-settings".split()
)
# More than any body that analytics takes.
BODY_BYTES_MAX = 1024 * 1024
# A longer answer waits for its client in a temporary file.
ANSWER_BYTES_IN_MEMORY = 256 * 1024
PIECE_BYTES = 64 * 1024
LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30)
# The longest answer is a range over years from raw clicks.
TIMEOUT = httpx.Timeout(connect=2, read=60, write=10, pool=5)


class Unreachable(Exception):
    """The service gave no answer; nothing has been sent to the client yet."""


class ClientLeftError(Exception):
    """The client went away in the middle of its request."""


class Proxy:
    """One pool of connections to ``url``, used by one event loop."""

    def __init__(self, url: str) -> None:
        """Connects at the first request."""
        self._url = httpx.URL(url)
        # A transport, not a client: a client would add headers of its own, follow redirects, and keep cookies.
        self._transport = httpx.AsyncHTTPTransport(limits=LIMITS, retries=1, trust_env=False)

    async def close(self) -> None:
        """Ends the connections."""
        await self._transport.aclose()

    async def get(self, path: str) -> bytes:
        """The body of a GET. Raises ``Unreachable``, also for an answer other than 200."""
        request = httpx.Request("GET", self._url.copy_with(path=path), extensions={"timeout": TIMEOUT.as_dict()})
        try:
            response = await self._transport.handle_async_request(request)
            body = await response.aread()
        except httpx.TransportError as error:
            raise Unreachable(_words(error)) from error
        if response.status_code != httpx.codes.OK:
            raise Unreachable(f"it answered {response.status_code} to GET {path}")
        return body

    async def forward(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request there and its answer back.

        Raises ``Unreachable``, and ``Problem`` (413) for a body over ``BODY_BYTES_MAX``; nothing has been sent then.
        """
        try:
            request = self._request(scope, await _whole_body(receive))
        except ClientLeftError:
            return
        with SpooledTemporaryFile(ANSWER_BYTES_IN_MEMORY) as answer:
            response = await self._fetch(request, answer)
            answer.seek(0)
            # The server that we run in puts its own Date.
            headers = [(name, value) for name, value in end_to_end(response.headers.raw) if name != b"date"]
            await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
            while piece := answer.read(PIECE_BYTES):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body"})

    async def _fetch(self, request: httpx.Request, answer: "SpooledTemporaryFile[bytes]") -> httpx.Response:
        """The response, its body in ``answer``."""
        try:
            response = await self._transport.handle_async_request(request)
            try:
                async for piece in response.aiter_raw():
                    answer.write(piece)
            finally:
                await response.aclose()
        except httpx.TransportError as error:
            raise Unreachable(_words(error)) from error
        return response

    def _request(self, scope: Scope, body: bytes) -> httpx.Request:
        target: bytes = scope.get("raw_path") or scope["path"].encode()
        if scope["query_string"]:
            target += b"?" + scope["query_string"]
        headers = end_to_end(scope["headers"]) + forwarding(scope)
        names = {name for name, _ in scope["headers"]}
        has_body = b"content-length" in names or b"transfer-encoding" in names
        return httpx.Request(
            scope["method"],
            self._url.copy_with(raw_path=target),
            headers=[pair for pair in headers if pair[0] != b"expect"],
            content=body if has_body else None,
            extensions={"timeout": TIMEOUT.as_dict()},
        )


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """``headers``, in lower case, without those that are meant for the neighbour only."""
    lower = [(name.lower(), value) for name, value in headers]
    named = {word.strip().lower() for name, value in lower if name == b"connection" for word in value.split(b",")}
    return [(name, value) for name, value in lower if name not in HOP_BY_HOP and name not in named]


def forwarding(scope: Scope) -> Headers:
    """Who asked, as the next one can't see it. A header of that name from the client comes before, as a proxy's would."""
    client = scope.get("client")
    return [(b"x-forwarded-for", client[0].encode())] if client else []


async def _whole_body(receive: Receive) -> bytes:
    pieces, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeftError
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > BODY_BYTES_MAX:
            raise payload_too_large(BODY_BYTES_MAX)
        if not message.get("more_body"):
            return b"".join(pieces)


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
