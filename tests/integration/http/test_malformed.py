"""What is no HTTP, or could be read in two ways, gets 400 in the error envelope and the end of its connection."""

import pytest

from localstack.ports import HOST
from testbed.raw_http import connect
from testbed.services import Service

GET = b"GET /healthz/live HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /healthz/live HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT = b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n"

MALFORMED = {
    "no version": b"GET /x\r\n\r\n",
    "version 0.9": b"GET /x HTTP/0.9\r\n\r\n",
    "version 2.0": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "version 9.9": b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "lower-case method": b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
    "unknown method": b"FETCH / HTTP/1.1\r\nHost: x\r\n\r\n",
    "two spaces": b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
    "space at the end": b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
    "relative target": b"GET healthz/live HTTP/1.1\r\nHost: x\r\n\r\n",
    "asterisk": b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
    "letters outside ASCII": b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": GET + b"Host: y\r\n\r\n",
    "obsolete folding": GET + b"X: a\r\n b\r\n\r\n",
    "folding first": b"GET / HTTP/1.1\r\n Host: x\r\nHost: x\r\n\r\n",
    "space before colon": GET + b"X : a\r\n\r\n",
    "no colon": GET + b"X\r\n\r\n",
    "no name": GET + b": a\r\n\r\n",
    "NUL in a value": GET + b"X: a\0b\r\n\r\n",
    "CR in a value": GET + b"X: a\rb\r\n\r\n",
    "bare LF": b"GET / HTTP/1.1\nHost: x\n\n",
    "bare LF in the middle": GET + b"X: a\nY: b\r\n\r\n",
    "bare LF at the end": GET + b"\n",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "the same length twice": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "plus": POST + b"Content-Length: +2\r\n\r\n{}",
    "minus": POST + b"Content-Length: -2\r\n\r\n{}",
    "hexadecimal": POST + b"Content-Length: 0x2\r\n\r\n{}",
    "empty length": POST + b"Content-Length:\r\n\r\n{}",
    "a length beyond all": POST + b"Content-Length: 99999999999999999999\r\n\r\n{}",
    "a length with a space": POST + b"Content-Length: 1 0\r\n\r\n0123456789",
    "length and chunked": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked not last": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "not quite chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "chunked with a control character": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a chunk's size that is none": CHUNKED + b"zz\r\n",
    "a chunk's size with a prefix": CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n",
    "a negative chunk": CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n",
    "a chunk beyond all": CHUNKED + b"fffffffffffffffff\r\n",
    "a space behind a chunk's size": CHUNKED + b"2 \r\n{}\r\n0\r\n\r\n",
    "a chunk's size with bare LF": CHUNKED + b"2\n{}\r\n0\r\n\r\n",
    "a chunk longer than it says": CHUNKED + b"2\r\n{} \r\n0\r\n\r\n",
    "a chunk shorter than it says": CHUNKED + b"3\r\n{}\r\n0\r\n\r\n",
    "a long extension": CHUNKED + b"2;" + b"x" * 300,
    "an extension with bare LF": CHUNKED + b"2;a\nb\r\n{}\r\n0\r\n\r\n",
    "a trailer that is none": CHUNKED + b"0\r\nno colon\r\n\r\n",
    "many trailers": CHUNKED + b"0\r\n" + b"X: y\r\n" * 2_000,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "noise": bytes(range(256)),
}

TOO_LARGE = {
    "a field of 64 KiB": (GET + b"X: " + b"x" * 65_536, 431),
    "a field of 20 MB": (GET + b"X: " + b"x" * 20_000_000 + b"\r\n\r\n", 431),
    "20 MB of fields": (GET + b"X: yyyyyyyyyyy\r\n" * 1_250_000, 431),
    "201 fields": (GET + b"X: y\r\n" * 200 + b"\r\n", 431),
    "a long target": (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "a target of 20 MB": (b"GET /" + b"x" * 20_000_000, 414),
}


@pytest.mark.parametrize("in_pieces", [False, True], ids=["at once", "by and by"])
@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_requests_get_400(server: Service, data: bytes, in_pieces: bool) -> None:
    """In the envelope; what comes behind is not looked at."""
    with connect(HOST, server.port) as connection:
        if in_pieces:
            connection.send(*(data[begin : begin + 7] for begin in range(0, min(len(data), 700), 7)))
        connection.send(data[700:] if in_pieces else data)
        answer = connection.answer()
        # In pieces: the head of a POST may have been answered before the fault in its body came.
        if not (in_pieces and data.startswith(POST) and answer.status == 405):
            assert (answer.status, answer.error["code"]) == (400, "BAD_REQUEST"), answer
            assert answer.headers["connection"] == "close"
        connection.send(NEXT)
        assert connection.is_ended()


def test_a_malformed_request_after_a_good_one_gets_its_answer(server: Service) -> None:
    """Also where only the parser finds the fault: the answer before is not taken for this one's."""
    with connect(HOST, server.port) as connection:
        connection.send(GET + b"\r\n")
        assert connection.answer().status == 200
        connection.send(MALFORMED["unknown method"])
        assert connection.answer().status == 400
        assert connection.is_ended()


@pytest.mark.parametrize(("data", "status"), TOO_LARGE.values(), ids=TOO_LARGE.keys())
def test_large_heads_are_refused_before_they_are_read(server: Service, data: bytes, status: int) -> None:
    """64 KiB and 200 fields is the limit."""
    with connect(HOST, server.port) as connection:
        connection.send(data)
        answer = connection.answer()
        assert (answer.status, answer.headers["connection"]) == (status, "close")
        assert answer.error["code"] == {414: "URI_TOO_LONG", 431: "REQUEST_HEADER_FIELDS_TOO_LARGE"}[status]
        assert connection.is_ended()


ALLOWED = {
    "absolute form": (b"GET http://x/healthz/live HTTP/1.1\r\nHost: x\r\n\r\n", 200),
    "empty lines first": (b"\r\n\r\n" + GET + b"\r\n", 200),
    "200 fields": (GET + b"X: y\r\n" * 199 + b"\r\n", 200),
    "a field of 60 KB": (GET + b"X: " + b"x" * 60_000 + b"\r\n\r\n", 200),
    "a target of 8,000 bytes": (b"GET /healthz/live?" + b"x" * 8_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 200),
    "chunk extensions and trailers": (CHUNKED + b'002;a=b;c="d"\r\n{}\r\n0;e\r\nX: y\r\n\r\n', 405),
    "a length with spaces around it": (POST + b"Content-Length: \t 2 \r\n\r\n{}", 405),
    "latin-1 in a value": (GET + b"X: \xe9\r\n\r\n", 200),
    "empty value": (GET + b"X:\r\n\r\n", 200),
}


@pytest.mark.parametrize(("data", "status"), ALLOWED.values(), ids=ALLOWED.keys())
def test_what_is_only_unusual_is_served(server: Service, data: bytes, status: int) -> None:
    """And the connection is kept: whole, in pieces, and twice in one piece."""
    with connect(HOST, server.port) as connection:
        connection.send(data)
        assert connection.answer().status == status
        connection.send(*(data[begin : begin + 1_000] for begin in range(0, len(data), 1_000)))
        assert connection.answer().status == status
        connection.send(data + data)
        assert connection.statuses(2) == [status, status]


def test_a_transfer_encoding_that_is_not_known_is_said(server: Service) -> None:
    """501, as RFC 9112, 6.1 asks for; nothing malformed about it."""
    with connect(HOST, server.port) as connection:
        connection.send(POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")
        assert connection.answer().status == 501
        assert connection.is_ended()


def test_no_tunnel_is_made(server: Service) -> None:
    """CONNECT is for proxies; what follows it is not looked at."""
    with connect(HOST, server.port) as connection:
        connection.send(b"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n" + NEXT)
        answer = connection.answer()
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, POST, PUT")
        assert connection.is_ended()


@pytest.mark.parametrize("count", [2, 1_000])
def test_requests_sent_ahead_are_answered_in_order(server: Service, count: int) -> None:
    """However many come in one piece."""
    with connect(HOST, server.port) as connection:
        connection.send((GET + b"\r\n" + POST + b"Content-Length: 2\r\n\r\n{}") * count)
        assert connection.statuses(2 * count) == [200, 405] * count


def test_nothing_of_it_is_logged_with_a_traceback(running: dict[str, Service]) -> None:
    """After all of the above: anyone can send such requests, so they cost no log and show nothing."""
    for server in running.values():
        assert "Traceback" not in server.log_text()
        assert server.is_healthy("/healthz/live")
