"""No client holds a connection by doing nothing, at any point of a request. The limits are a few seconds here."""

import socket
import time
from contextlib import ExitStack
from select import select

import pytest

from localstack.ports import HOST
from testbed.clicks import encode, new_click
from testbed.installation import Installation
from testbed.polling import eventually
from testbed.raw_http import RawConnection, connect
from testbed.services import Service

GET = b"GET /healthz/live HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /healthz/live HTTP/1.1\r\nHost: x\r\n"
GET_DOCS = b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n"
CLICK = b"POST /ads/click HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


LIMITS = {
    "HEAD_TIMEOUT_SECONDS": "2",
    "BODY_TIMEOUT_SECONDS": "3",
    "KEEP_ALIVE_SECONDS": "4",
    "SEND_TIMEOUT_SECONDS": "6",
}


@pytest.fixture(scope="module")
def running(installation: Installation) -> dict[str, Service]:
    """Those whose limits are settings."""
    return {name: installation.service(name, **LIMITS) for name in ("ingest", "analytics")}


@pytest.fixture(params=["ingest", "analytics"])
def limited(request: pytest.FixtureRequest, running: dict[str, Service]) -> Service:
    """Each in turn."""
    return running[request.param]


@pytest.mark.parametrize(
    ("begun", "statuses"),
    [
        (b"G", [408]),
        (GET[:-2], [408]),
        (GET + GET[:-2], [200, 408]),
        (POST + b"Content-Length: 10\r\n\r\n", [408]),
        # Answered before the body was here: there is no second answer, only the end.
        (POST + b"Content-Length: 10\r\n\r\n{", [405]),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", [405]),
    ],
    ids=lambda value: repr(value[-25:]),
)
def test_half_a_request_ends_its_connection(limited: Service, begun: bytes, statuses: list[int]) -> None:
    """Half a head or half a body."""
    with connect(HOST, limited.port) as connection:
        connection.send(begun)
        assert connection.statuses(len(statuses)) == statuses
        assert connection.is_ended()


@pytest.mark.parametrize("more", [b"", b"Expect: 100-continue\r\n", b"Content-Encoding: gzip\r\n"])
@pytest.mark.parametrize("body", [b"", b"{"])
@pytest.mark.parametrize(
    ("name", "path"), [("ingest", b"/ads/click"), ("ingest", b"/ads/clicks"), ("analytics", b"/ads")]
)
def test_half_a_body_gets_408(running: dict[str, Service], name: str, path: bytes, body: bytes, more: bytes) -> None:
    """Whoever reads it: the fast lane or the framework."""
    with connect(HOST, running[name].port) as connection:
        connection.send(CLICK.replace(b"/ads/click", path) + more + b"Content-Length: 10\r\n\r\n", body)
        answer = connection.answer()
        if b"100-continue" in more:
            assert answer.status == 100
            answer = connection.answer()
        assert (answer.status, answer.error["code"]) == (408, "REQUEST_TIMEOUT")
        assert connection.is_ended()
    assert "Traceback" not in running[name].log_text()


def test_a_byte_now_and_then_is_no_way_around_it(limited: Service) -> None:
    """The limit is that of the whole head."""
    for head in (b"GET / HTTP/1.1\r\nX: ", CLICK + b"X: "):
        with connect(HOST, limited.port) as connection:
            connection.send(head)
            connection.socket.settimeout(0.2)
            seen = b""
            while b"HTTP/1.1 408" not in seen:
                connection.send(b"x")
                try:
                    received = connection.socket.recv(65_536)
                except TimeoutError:
                    continue
                assert received, seen
                seen += received


@pytest.mark.parametrize("before", [b"", GET, GET + b"\r\n\r\n"], ids=["new", "used", "empty lines"])
def test_idle_connections_end_without_a_word(limited: Service, before: bytes) -> None:
    """After KEEP_ALIVE_SECONDS, or HEAD_TIMEOUT_SECONDS where nothing was ever sent."""
    with connect(HOST, limited.port) as connection:
        begun = time.monotonic()
        connection.send(before)
        if before:
            assert connection.answer().status == 200
        assert connection.is_ended()
        assert time.monotonic() - begun > 1.9


def test_a_connection_in_use_does_not_end(limited: Service) -> None:
    """Each request starts the time anew."""
    with connect(HOST, limited.port) as connection:
        begun = time.monotonic()
        while time.monotonic() - begun < 6:
            connection.send(GET)
            assert connection.answer().status == 200
            connection.socket.settimeout(0.3)
            with pytest.raises(TimeoutError):
                connection.socket.recv(1, socket.MSG_PEEK)
            connection.socket.settimeout(30)


def send_for_ever(opened: socket.socket, data: bytes) -> None:
    """Raises when the other end has had enough."""
    while True:
        opened.sendall(data)


def test_a_client_that_reads_no_answers_is_let_go(limited: Service) -> None:
    """Whether it sends further requests or not; what it sends meanwhile is not taken in without end."""
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        opened.connect((HOST, limited.port))
        opened.settimeout(30)
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            send_for_ever(opened, GET_DOCS * 100)
    assert limited.is_healthy("/healthz/live")


def test_clicks_whose_answers_are_not_read_are_bounded(running: dict[str, Service]) -> None:
    """The fast lane takes no further ones until the answers are read, and then goes on where it was."""
    body = encode(new_click())
    click = CLICK + b"Content-Length: %d\r\n\r\n" % len(body) + body
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        opened.connect((HOST, running["ingest"].port))
        opened.setblocking(False)
        sent = 0
        # Bounded by the two sockets' buffers and 64 KiB: far from a hundred megabytes.
        while sent < 100_000_000 and select([], [opened], [], 1)[1]:
            sent += opened.send((click * 200)[sent % len(click) :])
        assert sent < 100_000_000
        opened.settimeout(30)
        with opened.makefile("rb") as reader:
            answers = 0
            while answers < sent // len(click):
                line = reader.readline()
                assert line, f"{answers} answers, then the end"
                answers += b"HTTP/1.1 202" in line


def test_connections_beyond_the_limit_replace_idle_ones(installation: Installation) -> None:
    """The longest idle one goes; those in use stay; with none idle the new one is refused."""
    few = installation.service("ingest", MAX_CONNECTIONS="10", HEAD_TIMEOUT_SECONDS="60")
    with ExitStack() as opened:

        def another() -> RawConnection:
            return opened.enter_context(connect(HOST, few.port))

        idle, busy = another(), [another() for _ in range(9)]
        for connection in (idle, *busy):
            connection.send(GET)
            assert connection.answer().status == 200
        for connection in busy:
            connection.send(GET[:10])

        def replaced() -> None:
            with connect(HOST, few.port) as connection:
                connection.send(GET)
                answer = connection.answer()
                assert answer.status == 200

        eventually(replaced)
        assert idle.is_ended()
        for connection in busy:
            connection.send(GET[10:])
            assert connection.answer().status == 200
    few.stop()
