"""The one base URL: what goes to ingest, what goes to analytics, and what a client sees when that is away."""

import asyncio
import gzip
import json
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import uvicorn

from localstack.asgi_types import App, Message, Receive, Scope, Send
from localstack.gateway import create_app
from localstack.ports import free_port
from localstack.proxy import BODY_BYTES_MAX
from testbed.polling import eventually

TIMEOUT_SECONDS = 20.0
LARGE = b"x" * 1_000_000
SLOW_CLIENTS = 110
DOCUMENT = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}, "components": {"schemas": {}}}


async def ingest(scope: Scope, receive: Receive, send: Send) -> None:
    """In place of ingest: answers with the path that it was given."""
    assert scope["type"] == "http"
    body = json.dumps({"ingest": scope["path"], "raw": scope["raw_path"].decode()}).encode()
    await send({"type": "http.response.start", "status": 202, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


async def analytics(scope: Scope, receive: Receive, send: Send) -> None:
    """In place of analytics: answers with what arrived there; /gzip packed, /large with 1 MB, /etag with 304 where asked."""
    body = b""
    while (message := await receive()).get("more_body"):
        body += message["body"]
    seen = {
        "method": scope["method"],
        "path": scope["raw_path"].decode(),
        "query": scope["query_string"].decode(),
        "headers": [[name.decode(), value.decode()] for name, value in scope["headers"]],
        "body": (body + message["body"]).decode(),
    }
    if scope["path"] == "/openapi.json":
        seen = DOCUMENT
    answer, headers = json.dumps(seen).encode(), [(b"content-type", b"application/json"), (b"x-once", b"1")]
    if scope["path"] == "/gzip":
        answer = gzip.compress(answer)
        headers.append((b"content-encoding", b"gzip"))
    if scope["path"] == "/large":
        answer = LARGE
    asked = dict(scope["headers"])
    if scope["path"] == "/etag":
        headers.append((b"etag", b'"one"'))
    status = 304 if asked.get(b"if-none-match") == b'"one"' else 200
    if status == 304:
        answer = b""
    headers.append((b"content-length", str(len(answer)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if scope["path"] == "/large":
        await send({"type": "http.response.body", "body": answer})
        return
    for byte in answer:
        await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
    await send({"type": "http.response.body"})


@pytest.fixture(scope="module")
def analytics_url() -> Iterator[str]:
    """A real server in a thread."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(analytics, port=port, lifespan="off", log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    yield f"http://127.0.0.1:{port}"

    def left() -> None:
        assert not server.server_state.connections

    # A loop that ends while it closes a connection leaves the socket to the garbage collector, with a warning.
    eventually(left)
    server.should_exit = True
    thread.join(TIMEOUT_SECONDS)


@pytest.fixture
async def client(analytics_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks to the gateway."""
    async for opened in open_client(analytics_url):
        yield opened


async def open_client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway whose analytics listens at ``url``."""
    gateway = create_app(ingest, url)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(gateway), base_url="http://gateway") as opened:
        yield opened
    await gateway._analytics.close()  # type: ignore[attr-defined]  # there is no lifespan in this transport


@pytest.mark.parametrize("path", ["/ads/click", "/ads/clicks"])
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
async def test_clicks_go_to_ingest_whatever_the_method(client: httpx.AsyncClient, path: str, method: str) -> None:
    """It is ingest that says 405, with its own Allow."""
    answer = await client.request(method, path)
    assert answer.json()["ingest"] == path


async def test_ingest_s_other_paths_are_under_a_prefix(client: httpx.AsyncClient) -> None:
    """Its health and metrics, which analytics has by the same names."""
    answer = await client.get("/ingest/healthz/ready")
    assert answer.json() == {"ingest": "/healthz/ready", "raw": "/healthz/ready"}


async def test_all_else_reaches_analytics_as_it_was_sent(client: httpx.AsyncClient) -> None:
    """Method, escaped path, query, headers and body; those between neighbours are left out, who asked is added."""
    answer = await client.put(
        "/ads/a%2Fb?start=2025-09-05T10%3A00%3A00Z&end=x",
        content=b'{"name":"x"}',
        headers={"X-Request-Id": "r-1", "Connection": "X-Private", "X-Private": "1", "X-Forwarded-For": "9.9.9.9"},
    )
    seen: dict[str, Any] = answer.json()
    assert (seen["method"], seen["path"]) == ("PUT", "/ads/a%2Fb")
    assert seen["query"] == "start=2025-09-05T10%3A00%3A00Z&end=x"
    assert seen["body"] == '{"name":"x"}'
    headers = [tuple(pair) for pair in seen["headers"]]
    assert ("x-request-id", "r-1") in headers
    assert ("host", "gateway") in headers
    assert ("content-length", "12") in headers
    assert [value for name, value in headers if name == "x-forwarded-for"] == ["9.9.9.9", "127.0.0.1"]
    assert not {"x-private", "transfer-encoding"} & {name for name, _ in headers}
    assert answer.headers["x-once"] == "1"
    assert "date" not in answer.headers


async def test_a_body_of_unknown_length_is_handed_on(client: httpx.AsyncClient) -> None:
    """Chunk by chunk."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"one,"
        yield b"two"

    answer = await client.post("/ads", content=chunks())
    assert answer.json()["body"] == "one,two"


async def test_a_packed_answer_stays_packed(client: httpx.AsyncClient) -> None:
    """Its bytes are not touched: the client unpacks them."""
    answer = await client.get("/gzip")
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json()["path"] == "/gzip"


async def test_the_description_is_of_both(client: httpx.AsyncClient) -> None:
    """One document at the one base URL."""
    answer = await client.get("/openapi.json")
    assert "/ads/click" in answer.json()["paths"]


async def test_an_answer_that_is_known_already_is_not_sent_again(client: httpx.AsyncClient) -> None:
    """ETag, If-None-Match and 304 are between the client and analytics."""
    first = await client.get("/etag")
    again = await client.get("/etag", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", '"one"')


@pytest.mark.parametrize("path", ["/ads", "/openapi.json"])
async def test_head_has_the_headers_of_get_and_no_body(client: httpx.AsyncClient, path: str) -> None:
    """A load balancer asks so."""
    answer = await client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 0


async def test_an_offer_to_upgrade_goes_no_further(client: httpx.AsyncClient) -> None:
    """Whether or not Connection names what belongs to it."""
    offer = {"Connection": "Upgrade", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAAP__"}
    answer = await client.post("/ads", content=b"body", headers=offer)
    assert answer.json()["body"] == "body"
    assert not {"upgrade", "http2-settings"} & {name for name, _ in answer.json()["headers"]}


async def test_a_body_that_nobody_takes_is_refused_here(client: httpx.AsyncClient) -> None:
    """It is read before it is passed on, so its size is bounded."""
    answer = await client.post("/ads", content=b"x" * (BODY_BYTES_MAX + 1))
    assert answer.status_code == 413
    assert answer.json()["errors"]["code"] == "PAYLOAD_TOO_LARGE"


async def read_one(
    gateway: App, path: str, may_go_on: asyncio.Event | None = None, begun: asyncio.Event | None = None
) -> bytes:
    """GET by a client that takes nothing of the body before ``may_go_on``; ``begun`` is set when it could."""
    received: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if begun is not None:
            begun.set()
        if may_go_on is not None and message["type"] == "http.response.body":
            await may_go_on.wait()
        received.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [], "client": None}
    await gateway(scope, receive, send)
    assert received[0]["status"] == 200, received
    return b"".join(message.get("body", b"") for message in received)


async def test_slow_readers_keep_nobody_waiting(analytics_url: str) -> None:
    """More of them than there are connections to analytics; each has all of its answer in the end."""
    gateway, may_go_on = create_app(ingest, analytics_url), asyncio.Event()
    slow = []
    for _ in range(SLOW_CLIENTS):
        begun = asyncio.Event()
        slow.append(asyncio.create_task(read_one(gateway, "/large", may_go_on, begun)))
        # One after another: on a busy machine, all at once would wait for the connections themselves.
        await begun.wait()
    assert json.loads(await read_one(gateway, "/ads"))["path"] == "/ads"
    may_go_on.set()
    assert all([await task == LARGE for task in slow])
    await gateway._analytics.close()  # type: ignore[attr-defined]  # there is no lifespan here


@pytest.mark.parametrize("path", ["/ads", "/openapi.json"])
async def test_analytics_away_is_a_503_in_the_envelope(path: str) -> None:
    """With Retry-After; and clicks are taken all the same."""
    async for client in open_client(f"http://127.0.0.1:{free_port()}"):
        answer = await client.get(path)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["errors"]["code"] == "SERVICE_UNAVAILABLE"
        assert (await client.post("/ads/click")).status_code == 202


async def test_ingest_starts_and_ends_with_the_gateway() -> None:
    """The publisher is started by ingest's lifespan, and flushed by it."""
    told: list[str] = []
    incoming: asyncio.Queue[Message] = asyncio.Queue()
    outgoing: asyncio.Queue[Message] = asyncio.Queue()

    async def with_lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        for phase in ("startup", "shutdown"):
            told.append((await receive())["type"])
            await send({"type": f"lifespan.{phase}.complete"})

    running = asyncio.create_task(
        create_app(with_lifespan, "http://127.0.0.1:1")({"type": "lifespan"}, incoming.get, outgoing.put)
    )
    for phase in ("startup", "shutdown"):
        await incoming.put({"type": f"lifespan.{phase}"})
        assert (await outgoing.get())["type"] == f"lifespan.{phase}.complete"
    await running
    assert told == ["lifespan.startup", "lifespan.shutdown"]
