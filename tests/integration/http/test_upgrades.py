"""An offer to upgrade changes nothing: RFC 9110, 7.8. What follows its head is the body, never another request."""

import pytest

from localstack.ports import HOST
from testbed.clicks import encode, new_click
from testbed.raw_http import connect
from testbed.services import Service

NEXT = b"GET /healthz/live HTTP/1.1\r\nHost: x\r\n\r\n"
SMUGGLED = b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n"
OFFERS = {
    "none": b"",
    "Java's": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n",
    "websocket": b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n",
    "lower case": b"connection: upgrade\r\nupgrade: h2c\r\n",
    "upper case": b"CONNECTION: UPGRADE\r\nUPGRADE: H2C\r\n",
    "lists": b"Connection: keep-alive\r\nConnection: foo, upgrade\r\nUpgrade: h2c, websocket\r\nUpgrade: TLS/1.0\r\n",
    "odd spaces": b"Connection:upgrade\t\r\nUpgrade:\t h2c \r\n",
}


@pytest.fixture(params=OFFERS.values(), ids=OFFERS.keys())
def offer(request: pytest.FixtureRequest) -> bytes:
    """The fields of each, and none."""
    fields: bytes = request.param
    return fields


@pytest.mark.parametrize("in_pieces", [False, True], ids=["one segment", "two segments"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_request_in_the_body_is_not_answered(server: Service, offer: bytes, chunked: bool, in_pieces: bool) -> None:
    """Two requests, two answers, on every server: the third one is in a body."""
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED) if chunked else SMUGGLED
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(SMUGGLED)
    head = b"POST /healthz/live HTTP/1.1\r\nHost: x\r\n%b%b\r\n\r\n" % (offer, framing)
    with connect(HOST, server.port) as connection:
        connection.send(*((head, body) if in_pieces else (head + body,)))
        assert connection.answer().status == 405
        connection.send(NEXT + b"GET /healthz/live HTTP/1.0\r\n\r\n")
        assert connection.statuses(2) == [200, 200]
        assert connection.is_ended()


def test_a_get_is_answered_as_without_it(server: Service, offer: bytes) -> None:
    """No 101, no 426, no warning."""
    with connect(HOST, server.port) as connection:
        for _ in range(2):
            connection.send(b"GET /healthz/live HTTP/1.1\r\nHost: x\r\n%b\r\n" % offer)
            assert connection.answer().status == 200
    assert "pgrade request" not in server.log_text()


def test_http_1_0_is_no_way_around_it(server: Service, offer: bytes) -> None:
    """As above; the connection ends with the answer, as it does in HTTP/1.0."""
    fields = b"Host: x\r\n%bContent-Length: %d\r\n\r\n" % (offer, len(SMUGGLED))
    with connect(HOST, server.port) as connection:
        connection.send(b"POST /healthz/live HTTP/1.0\r\n" + fields, SMUGGLED)
        assert connection.answer().status == 405
        assert connection.is_ended()


@pytest.mark.parametrize("size", [1, 40, 300, 10_000])
def test_a_click_counts_with_any_offer(running: dict[str, Service], offer: bytes, size: int) -> None:
    """In one piece or many: 202, and the body is what it was."""
    body = encode(new_click())
    head = b"POST /ads/click HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n"
    data = head % (len(body), offer) + body
    with connect(HOST, running["ingest"].port) as connection:
        connection.send(*(data[begin : begin + size] for begin in range(0, len(data), size)))
        assert connection.answer().status == 202
        connection.send(head % (2, offer), b"{}", NEXT)
        assert connection.statuses(2) == [400, 200]


def test_a_click_in_two_segments_hides_no_request_behind_it(running: dict[str, Service]) -> None:
    """The first ends in the middle of the head, the second has all the rest; a shorter request follows."""
    body, port = encode(new_click()), running["ingest"].port
    head = b"POST /ads/click HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n"
    data = head % (len(body), b"X: %b\r\n" % (b"x" * 200))
    with connect(HOST, port) as connection, connect(HOST, port) as other:
        connection.send(data[:-10])
        # Answered after what came before it has been read: there is one event loop.
        other.send(NEXT)
        assert other.answer().status == 200
        connection.send(data[-10:] + body)
        assert connection.answer().status == 202
        connection.send(NEXT)
        assert connection.answer().status == 200


def test_an_ad_is_made_with_any_offer(running: dict[str, Service], offer: bytes) -> None:
    """Analytics reads the body as well."""
    body = b'{"name":"an ad"}'
    head = b"POST /ads HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n"
    with connect(HOST, running["analytics"].port) as connection:
        connection.send(head % (offer, len(body)), body)
        answer = connection.answer()
        assert (answer.status, b"an ad" in answer.body) == (201, True), answer
