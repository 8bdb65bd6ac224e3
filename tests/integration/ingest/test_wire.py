"""One request, sent in different ways: the answer does not depend on how its bytes arrive."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse

import pytest

from localstack.ports import HOST
from testbed.clicks import encode, new_click
from testbed.http import client as connect
from testbed.installation import Installation
from testbed.polling import eventually
from testbed.services import Service

ANSWER_SECONDS = 30.0


@contextmanager
def connection(service: Service) -> Iterator[socket.socket]:
    """A bare connection that sends each piece at once."""
    with socket.create_connection((HOST, service.port), ANSWER_SECONDS) as opened:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield opened


def request(body: bytes, *headers: str, version: str = "1.1") -> bytes:
    """A POST of ``body``."""
    lines = [f"POST /ads/click HTTP/{version}", "Host: x", "Content-Type: application/json", *headers]
    if not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def statuses(opened: socket.socket, count: int) -> list[int]:
    """The statuses of the next ``count`` answers."""
    found = []
    # One reader for all: an answer may come in one piece with the next.
    with opened.makefile("rb") as reader:
        for _ in range(count):
            head = reader.readline()
            found.append(int(head.split()[1]) if head else 0)
            length = 0
            while (line := reader.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            reader.read(length)
    return found


@pytest.mark.parametrize("piece_bytes", [1, 7, 60, 10_000])
@pytest.mark.parametrize(("body", "status"), [(encode(new_click()), 202), (b"{}", 400)])
def test_a_request_may_come_in_pieces(ingest: Service, piece_bytes: int, body: bytes, status: int) -> None:
    """Byte by byte or whole."""
    data = request(body)
    with connection(ingest) as opened:
        for begin in range(0, len(data), piece_bytes):
            opened.sendall(data[begin : begin + piece_bytes])
        assert statuses(opened, 1) == [status]


def test_requests_may_be_sent_ahead(ingest: Service) -> None:
    """Several in one piece, good and bad ones: answered in order, each by itself."""
    bodies = [encode(new_click()), b"{}", encode(new_click()), b"[]", encode(new_click())]
    with connection(ingest) as opened:
        opened.sendall(b"".join(map(request, bodies)))
        assert statuses(opened, 5) == [202, 400, 202, 400, 202]


def test_what_is_sent_while_a_click_waits_is_not_lost(installation: Installation) -> None:
    """Kafka takes its time; meanwhile more requests come over the same connection."""
    slow = installation.service("ingest", KAFKA_LINGER_MS="1000")
    with connection(slow) as opened:
        opened.sendall(request(encode(new_click())))
        eventually(lambda: assert_waiting(slow))
        opened.sendall(request(encode(new_click())) + request(b"{}"))
        opened.sendall(request(b"{}")[:50])
        opened.sendall(request(b"{}")[50:])
        assert statuses(opened, 4) == [202, 202, 400, 400]
    slow.stop()


def assert_waiting(ingest: Service) -> None:
    """A click waits for Kafka, or has waited."""
    metrics = ingest.get("/metrics").body.decode()
    assert "adclicks_clicks_produced_total 1.0" in metrics


def test_requests_may_be_sent_ahead_one_by_one(ingest: Service) -> None:
    """While the one before still waits for Kafka, whichever way each of them is read."""
    chunked = request(b"2\r\n{}\r\n0\r\n\r\n", "Transfer-Encoding: chunked")
    with connection(ingest) as opened:
        for _ in range(20):
            opened.sendall(request(encode(new_click())))
            opened.sendall(request(b"{}"))
            opened.sendall(chunked)
            opened.sendall(b"GET /healthz/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert statuses(opened, 80) == [202, 400, 400, 200] * 20


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (request(encode(new_click()), version="1.0"), {202}),
        (request(encode(new_click()), "Connection: close"), {202}),
        (request(encode(new_click()), "Expect: 100-continue"), {100, 202}),
        (request(b"{}", "Content-Length: 2", "Content-Length: 3"), {400}),
        (request(b"{}", "Content-Length: -2"), {400}),
        (request(b"{}", "Content-Length: 0x2"), {400}),
        (request(b"{}", "Content-Length: 2", "Transfer-Encoding: chunked"), {400}),
        (request(b"zz\r\n", "Transfer-Encoding: chunked"), {400}),
        (b"NONSENSE\r\n\r\n", {400}),
        (b"POST /ads/click HTTP/9.9\r\n\r\n", {400}),
        (b"POST /ads/click HTTP/1.1\r\nno colon here\r\n\r\n", {400}),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", {400, 0}),
    ],
    ids=[
        "HTTP/1.0",
        "Connection: close",
        "Expect",
        "two lengths",
        "negative length",
        "hexadecimal length",
        "length and chunked",
        "no chunk size",
        "nonsense",
        "HTTP/9.9",
        "no colon",
        "TLS",
    ],
)
def test_odd_requests_get_a_plain_answer(ingest: Service, data: bytes, expected: set[int]) -> None:
    """None hangs and none is a 5xx, and the service goes on."""
    with connection(ingest) as opened:
        opened.sendall(data)
        assert statuses(opened, 1)[0] in expected
    assert ingest.is_healthy("/healthz/live")


def test_a_client_that_hangs_up_takes_nothing_with_it(ingest: Service, installation: Installation) -> None:
    """Gone before the answer, or in the middle of a body: the service goes on, and what it had whole is in Kafka."""
    gone = [new_click() for _ in range(50)]
    for click in gone:
        with connection(ingest) as opened:
            opened.sendall(request(encode(click)))
    for _ in range(20):
        with connection(ingest) as opened:
            opened.sendall(request(encode(new_click()))[:-20])

    def all_there() -> None:
        keys = {message.key() for message in installation.records()}
        assert {click["clickId"].encode() for click in gone} <= keys

    eventually(all_there)
    with connect(ingest.url) as client:
        assert client.post("/ads/click", encode(new_click())).status == 202
    assert "Traceback" not in ingest.log_text()


def test_an_answer_is_well_formed_for_a_standard_client(ingest: Service) -> None:
    """Both ways through the service send Date, a length and a kind."""
    for headers in ((), ("Content-Encoding: identity",)):
        with connection(ingest) as opened:
            opened.sendall(request(encode(new_click()), *headers))
            response = HTTPResponse(opened)
            response.begin()
            assert response.status == 202
            assert response.read() == b'{"data":"click event received"}'
            assert {"date", "content-length", "content-type", "x-request-id"} <= {
                name.lower() for name in response.headers
            }
            response.close()
