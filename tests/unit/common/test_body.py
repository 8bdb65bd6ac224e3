"""A request's body within its bound, unpacked where it is gzip."""

import gzip
import random
import threading
import zlib
from collections.abc import Awaitable, Mapping
from typing import Any

import falcon.asgi
import falcon.testing
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adclicks.errors import Problem
from adclicks.http.body import _INLINE_BYTES_MAX, _MEMBERS_MAX, read_body, require_media_type

LIMIT = 1_000
LARGE = 1024 * 1024
NO_HEADERS: Mapping[str, str] = {}
GZIP = {"Content-Encoding": "gzip"}


async def read(
    body: bytes, headers: Mapping[str, str] = NO_HEADERS, chunk_bytes: int | None = None, limit: int = LIMIT
) -> bytes:
    """What ``read_body`` makes of ``body``; with ``chunk_bytes`` it comes in such pieces, without a declared length."""
    pieces = [body] if chunk_bytes is None else [body[i : i + chunk_bytes] for i in range(0, len(body), chunk_bytes)]
    events = [
        *({"type": "http.request", "body": piece, "more_body": True} for piece in pieces),
        {"type": "http.request", "body": b"", "more_body": False},
    ]
    arrived = iter(events)

    async def receive() -> dict[str, Any]:
        return next(arrived)

    declared = {} if chunk_bytes else {"Content-Length": str(len(body))}
    scope = falcon.testing.create_scope(method="POST", headers={**declared, **headers})
    return await read_body(falcon.asgi.Request(scope, receive), limit)


async def refusal_of(packed: bytes) -> str:
    """What is said of the body; asserts that it is 400."""
    with pytest.raises(Problem) as caught:
        await read(packed, GZIP)
    assert caught.value.status == 400
    (detail,) = caught.value.details
    assert detail.field == "body"
    return detail.error


async def status_of(answer: Awaitable[bytes]) -> int:
    """The status of the problem that is raised."""
    with pytest.raises(Problem) as caught:
        await answer
    return caught.value.status


@pytest.mark.parametrize("chunk_bytes", [None, 1, 64, LIMIT])
async def test_a_body_may_be_as_large_as_the_limit(chunk_bytes: int | None) -> None:
    """Declared or in chunks; one byte more is 413."""
    assert await read(b"x" * LIMIT, chunk_bytes=chunk_bytes) == b"x" * LIMIT
    assert await status_of(read(b"x" * (LIMIT + 1), chunk_bytes=chunk_bytes)) == 413


async def test_a_declared_length_over_the_limit_is_refused_unread() -> None:
    """Nothing of the body is asked for."""

    async def receive() -> dict[str, Any]:
        raise AssertionError("the body was read")

    scope = falcon.testing.create_scope(method="POST", headers={"Content-Length": str(LIMIT + 1)})
    assert await status_of(read_body(falcon.asgi.Request(scope, receive), LIMIT)) == 413


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip", " gzip "])
async def test_gzip_is_unpacked_up_to_the_limit(encoding: str) -> None:
    """The limit counts what it unpacks to."""
    headers = {"Content-Encoding": encoding}
    assert await read(gzip.compress(b"x" * LIMIT), headers) == b"x" * LIMIT
    assert await status_of(read(gzip.compress(b"x" * (LIMIT + 1)), headers)) == 413


async def test_many_members_are_one_body_within_one_limit() -> None:
    """Each may be small; their sum counts."""
    member = gzip.compress(b"x" * 400)
    assert await read(member * 2, GZIP) == b"x" * 800
    assert await status_of(read(member * 3, GZIP)) == 413


@given(st.binary(max_size=200), st.integers(0, 250))
async def test_gzip_that_is_cut_short_is_400(data: bytes, cut: int) -> None:
    """Never taken for the part that came."""
    packed = gzip.compress(data)
    if cut >= len(packed):
        assert await read(packed, GZIP) == data
    elif cut:
        assert await status_of(read(packed[:cut], GZIP)) == 400


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=40))
async def test_the_number_of_members_is_bounded(contents: list[bytes]) -> None:
    """Up to the bound they are one body; more are 400, whatever they hold: each costs a decompressor and a copy."""
    packed = b"".join(gzip.compress(content) for content in contents)
    if len(packed) > LIMIT:
        assert await status_of(read(packed, GZIP)) == 413
    elif len(contents) > _MEMBERS_MAX:
        assert "members" in (await refusal_of(packed))
    else:
        assert await read(packed, GZIP) == b"".join(contents)


async def test_empty_members_are_refused_after_the_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """A megabyte of them is 50,000; no more decompressors are made than members are allowed."""
    made = []
    make = zlib.decompressobj

    def counted(window_bits: int) -> Any:
        made.append(window_bits)
        return make(window_bits)

    monkeypatch.setattr("adclicks.http.body.zlib.decompressobj", counted)
    empty = gzip.compress(b"")
    body = empty * (LARGE // len(empty))
    assert await status_of(read(body, GZIP, limit=LARGE)) == 400
    assert len(made) == _MEMBERS_MAX


async def test_a_large_body_is_unpacked_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks that hold nothing take as long as others: a loop that unpacks them answers nobody meanwhile."""
    threads = []
    make = zlib.decompressobj

    def noted(window_bits: int) -> Any:
        threads.append(threading.current_thread())
        return make(window_bits)

    monkeypatch.setattr("adclicks.http.body.zlib.decompressobj", noted)
    data = random.Random(1).randbytes(_INLINE_BYTES_MAX)
    assert await read(gzip.compress(data), GZIP, limit=LARGE) == data
    assert threading.main_thread() not in threads
    assert await read(gzip.compress(b"x"), GZIP, limit=LARGE) == b"x"
    assert threads[-1] is threading.main_thread()


@given(st.binary(max_size=200), st.binary(min_size=1, max_size=50))
async def test_bytes_after_the_gzip_data_are_named(data: bytes, rest: bytes) -> None:
    """A body that goes on with something else is not taken for the part that is gzip."""
    assume(not rest.startswith(b"\x1f\x8b"))
    assert "after the gzip data" in await refusal_of(gzip.compress(data) + rest)


@given(st.binary(max_size=100))
async def test_what_is_no_gzip_is_400(data: bytes) -> None:
    """Whatever it is: no other error."""
    try:
        expected = gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        if data:
            assert await status_of(read(data, GZIP)) in {400, 413}
    else:
        assert await read(data, GZIP) == expected


async def test_other_encodings_are_415() -> None:
    """Named or unknown."""
    for encoding in ("br", "deflate", "gzip, gzip", "zstd"):
        assert await status_of(read(b"x", {"Content-Encoding": encoding})) == 415
    assert await read(b"x", {"Content-Encoding": "identity"}) == b"x"


def test_the_media_type_is_taken_without_its_parameters() -> None:
    """In any case; what is not accepted is 415, and the answer names what is."""
    scope = falcon.testing.create_scope(headers={"Content-Type": "Application/JSON; charset=utf-8"})

    async def receive() -> dict[str, Any]:
        raise AssertionError("the body was read")

    request = falcon.asgi.Request(scope, receive)
    assert require_media_type(request, ("application/json",)) == "application/json"
    with pytest.raises(Problem, match=r"application/x-ndjson") as caught:
        require_media_type(request, ("application/x-ndjson",))
    assert caught.value.status == 415
