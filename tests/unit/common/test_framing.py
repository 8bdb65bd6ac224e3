"""Where requests end, however their bytes come, and which heads are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adclicks.errors import Problem
from adclicks.http.framing import FIELDS_MAX, HEAD_BYTES_MAX, Body, Head, find_end, read_head

LINE = b"POST /ads/click HTTP/1.1\r\n"
HOST = b"Host: x\r\n"


def bodies() -> st.SearchStrategy[bytes]:
    """Anything, line ends and chunk sizes among it."""
    return st.binary(max_size=60) | st.sampled_from(
        [b"\r\n0\r\n\r\n", b"5\r\nhello\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"]
    )


def chunked(parts: list[bytes]) -> bytes:
    """A body in chunks."""
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n"


@given(st.lists(bodies(), max_size=4), st.booleans(), st.binary(max_size=30), st.integers(1, 40))
def test_a_body_ends_where_it_ends(parts: list[bytes], is_chunked: bool, behind: bytes, size: int) -> None:
    """Whatever stands in it, behind it, and however it is cut."""
    data = chunked(parts) if is_chunked else b"".join(parts)
    body = Body(Head(b"", 0 if is_chunked else len(data), is_chunked))
    stream, taken = data + behind, 0
    while taken < len(stream) and not body.complete:
        taken += body.take(stream[taken : taken + size])
    assert (body.complete, taken) == (True, len(data))


@given(st.lists(st.sampled_from([b"a", b"Host: x", b"\r\n", b"\r\n\r\n", b"X: y"]), max_size=12), st.integers(1, 9))
def test_a_head_is_found_in_pieces_as_at_once(parts: list[bytes], size: int) -> None:
    """The end does not depend on how the bytes came."""
    data = b"".join(parts)
    at_once = find_end(data)
    found = searched = 0
    for end in range(size, len(data) + size, size):
        found = find_end(data[:end], searched)
        searched = len(data[:end])
        if found:
            break
    assert found == at_once


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_a_line_end_in_two_pieces_is_one(line_end: bytes, size: int) -> None:
    """CR LF cut in the middle is none of LF alone; LF alone is seen wherever it is cut."""
    data = LINE + b"X: y" + line_end + b"Z: y\r\n"
    searched, refused = 0, False
    try:
        for end in range(size, len(data) + 1, size):
            assert find_end(data[:end], searched) == 0
            searched = end
    except Problem as problem:
        refused = problem.status == 400
    assert refused == (line_end == b"\n")


def test_offers_to_upgrade_are_taken_away() -> None:
    """And nothing else: not from values, not from names that only begin so."""
    kept = LINE + HOST + b"Connection: upgrade\r\nUpgrade-Insecure-Requests: 1\r\nX-Upgrade: a\r\nY: upgrade: h2c\r\n"

    assert read_head(kept + b"\r\n").raw == kept + b"\r\n"
    assert read_head(kept + b"upgrade:h2c\r\nUPGRADE: a, b\r\n\r\n").raw == kept + b"\r\n"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (b"X: " + b"x" * HEAD_BYTES_MAX, 431),
        (b"X: y\r\n" * FIELDS_MAX, 431),
        (b"X: " + b" " * 60_000 + b"x\r\nContent-Length:" + b" " * 4_000 + b"x", 400),
        (b"x" * 65_000, 400),
        (b"X: y\r\n" * 150 + b":", 400),
    ],
)
def test_long_and_wrong_heads_are_refused(fields: bytes, status: int) -> None:
    """Also those that would lead a regular expression astray."""
    head = LINE + HOST + fields + b"\r\n\r\n"
    with pytest.raises(Problem) as refused:
        read_head(head[: find_end(head)])
    assert refused.value.status == status


def test_a_refusal_repeats_nothing_of_the_head() -> None:
    """What stands in a wrong line may be a password."""
    with pytest.raises(Problem) as refused:
        read_head(LINE + HOST + b"Authorization Bearer secret\r\n\r\n")

    assert "field 2" in refused.value.details[0].error
    assert "secret" not in str(refused.value.details)
