"""The operator's HTTP (aiohttp) against the same attacks as the other servers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import cast

import pytest
from aiohttp import web

from lagscaler import plain_http
from lagscaler.listener import bind, runner
from lagscaler.numbered import Numbers

PATIENCE_SECONDS = 30.0
GET = b"GET /healthz/live HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /healthz/live HTTP/1.1\r\nHost: x\r\n"
SMUGGLED = b"GET /healthz/ready HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def serving(keep_alive_seconds: float) -> AsyncIterator[int]:
    """The plain port, for the block."""
    served = runner(plain_http.create_app(cast("Numbers", {}), lambda: True, lambda: True), keep_alive_seconds)
    await served.setup()
    listening = bind("127.0.0.1", 0)
    await web.SockSite(served, listening).start()
    yield listening.getsockname()[1]
    await served.cleanup()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """What does no request there ends after five seconds."""
    async with serving(keep_alive_seconds=5.0) as port:
        yield port


async def answers(port: int, *pieces: bytes) -> list[bytes]:
    """The status lines of all that is answered until the server ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            for piece in pieces:
                writer.write(piece)
                with suppress(ConnectionError):
                    await writer.drain()
                # So that the next one comes in a segment of its own.
                await asyncio.sleep(0.05)
            received = b""
            with suppress(ConnectionError):
                while piece := await reader.read(65_536):
                    received += piece
    finally:
        writer.close()
    return [line[9:12] for line in received.replace(b"HTTP/1.", b"\nHTTP/1.").split(b"\n") if line.startswith(b"HTTP/")]


@pytest.mark.parametrize("in_pieces", [False, True])
@pytest.mark.parametrize(
    "offer", [b"", b"Connection: Upgrade\r\nUpgrade: h2c\r\n", b"Connection: Upgrade\r\nUpgrade: websocket\r\n"]
)
async def test_a_request_in_the_body_is_not_answered(port: int, offer: bytes, *, in_pieces: bool) -> None:
    """Whatever upgrade is offered; the connection ends with the answer to an offer, and goes on without one."""
    head = POST + offer + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED)
    pieces = (head, SMUGGLED) if in_pieces else (head + SMUGGLED,)
    expected = [b"405"] if offer else [b"405", b"200"]
    assert await answers(port, *pieces, GET + b"Connection: close\r\n\r\n") == expected


@pytest.mark.parametrize(
    "data",
    [
        b"NONSENSE\r\n\r\n",
        GET + b"X : y\r\n\r\n",
        GET + b"X: a\0b\r\n\r\n",
        GET + b"X: " + b"x" * 100_000 + b"\r\n\r\n",
        GET + b"X: y\r\n" * 1_000 + b"\r\n",
        POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    ],
    ids=lambda data: repr(data[:60]),
)
async def test_malformed_requests_get_400_and_the_end(port: int, data: bytes) -> None:
    """Never a 500."""
    assert await answers(port, data) == [b"400"]


@pytest.mark.parametrize("data", [b"", b"GET / HT", GET, GET + b"\r\n"], ids=repr)
async def test_a_connection_without_a_request_ends(data: bytes) -> None:
    """Whether it sent nothing, half a head, or a request before."""
    async with serving(keep_alive_seconds=1.0) as port:
        assert len(await answers(port, data)) <= 1


async def test_a_line_without_version_is_no_error_of_ours(port: int) -> None:
    """aiohttp takes it for HTTP/0.9 and answers the path."""
    assert await answers(port, b"GET /x\r\n\r\n") == [b"404"]


async def test_head_is_answered(port: int) -> None:
    """As GET, without the body."""
    assert await answers(port, b"HEAD /healthz/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") == [b"200"]
