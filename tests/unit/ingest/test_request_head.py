"""What the fast lane understands of a request's head; everything else goes the long way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.request_head import HeadReader

PLAIN = ("Host: x", "Content-Type: application/json", "Content-Length: 12")
BODY = b"x" * 12


def head(*lines: str, first: str = "POST /ads/click HTTP/1.1") -> bytes:
    """A request."""
    return "\r\n".join([first, *lines, "", ""]).encode() + BODY


def test_a_plain_request_is_read() -> None:
    """Its length, and where its body begins; the second time from memory."""
    reader = HeadReader()
    for _ in range(2):
        read = reader.read(head(*PLAIN))
        assert read is not None
        found, begin = read
        assert (found.content_length, found.forwarded_for, found.request_id) == (12, (), None)
        assert head(*PLAIN)[begin:] == BODY


def test_headers_in_any_case_and_order_are_read() -> None:
    """With the addresses and the id that came."""
    lines = (
        "host: x",
        "x-request-id: mine",
        "X-FORWARDED-FOR: 1.1.1.1, 2.2.2.2",
        "content-LENGTH:12",
        "content-type:  Application/JSON ; charset=utf-8",
        "x-forwarded-for: 3.3.3.3",
    )
    read = HeadReader().read(head(*lines))

    assert read is not None
    assert (read[0].forwarded_for, read[0].request_id) == (("1.1.1.1, 2.2.2.2", "3.3.3.3"), "mine")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"POST",
        head(*PLAIN)[:40],
        head(*PLAIN, first="POST /ads/click HTTP/1.0"),
        head(*PLAIN, first="POST /ads/click?x=1 HTTP/1.1"),
        head(*PLAIN, first="POST /ads/clicks HTTP/1.1"),
        head(*PLAIN, first="GET /ads/click HTTP/1.1"),
        head("Host: x", "Content-Length: 12"),
        head("Host: x", "Content-Type: text/plain", "Content-Length: 12"),
        head("Host: x", "Content-Type: application/json"),
        head(*PLAIN, "Content-Length: 12"),
        head(*PLAIN, "Content-Length: 13"),
        head("Host: x", "Content-Type: application/json", "Content-Length: +12"),
        head("Host: x", "Content-Type: application/json", "Content-Length: 0x0c"),
        head(*PLAIN, "Transfer-Encoding: chunked"),
        head(*PLAIN, "transfer-encoding: identity"),
        head(*PLAIN, "Content-Encoding: gzip"),
        head(*PLAIN, "Expect: 100-continue"),
        head(*PLAIN, "Connection: close"),
        head(*PLAIN, "Connection: keep-alive, close"),
        head(*PLAIN, "Connection: keep-alive", "Connection: content-type"),
        head(*PLAIN, "Host: y"),
        head(*PLAIN[1:]),
        head(*PLAIN, "no colon"),
        head(*PLAIN, "bad name : x"),
        head(*PLAIN, *(f"X-{number}: x" for number in range(100))),
        head(*PLAIN, "X: " + "x" * 5_000),
    ],
    ids=lambda data: repr(data)[-60:-14],
)
def test_what_is_not_plain_goes_the_long_way(data: bytes) -> None:
    """Each time it comes."""
    reader = HeadReader()
    assert reader.read(data) is None
    assert reader.read(data) is None


@pytest.mark.parametrize(
    "lines",
    [
        ("Connection: keep-alive",),
        ("connection:Keep-Alive",),
        ("Connection: keep-alive, KEEP-ALIVE", "Connection: keep-alive"),
        ("Upgrade: websocket",),
        ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAA"),
        ("Upgrade: h2c", "Connection: keep-alive, upgrade"),
    ],
)
def test_what_changes_nothing_stays_on_the_fast_path(lines: tuple[str, ...]) -> None:
    """HTTP/1.1 keeps connections anyway, and an offer to upgrade is ignored."""
    read = HeadReader().read(head(*PLAIN, *lines))

    assert read is not None
    assert (read[0].content_length, head(*PLAIN, *lines)[read[1] :]) == (12, BODY)


@given(st.lists(st.sampled_from(["Content-Length: 12", "Content-Type: application/json", "X: y", "X-Request-Id: a"])))
def test_memory_changes_no_answer(lines: list[str]) -> None:
    """A head that is read again is what it was."""
    reader = HeadReader()

    assert reader.read(head(*lines)) == reader.read(head(*lines)) == HeadReader().read(head(*lines))


def test_memory_is_bounded() -> None:
    """A client that writes something new each time does not fill it."""
    reader = HeadReader()
    for number in range(3_000):
        reader.read(head(*PLAIN, f"X: {number}"))

    assert len(reader._known) <= 1_024
