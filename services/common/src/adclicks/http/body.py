"""Reads a request's body within a bound, unpacked where it is gzip."""

import asyncio
import zlib
from collections.abc import Collection

import falcon.asgi

from adclicks.errors import FieldError, Problem, payload_too_large, unsupported_media_type

_GZIP_WINDOW_BITS = 31
_GZIP_MAGIC = b"\x1f\x8b"
# Each member costs a decompressor and a copy of the bytes behind it, also where it holds nothing. A megabyte in blocks of
# 64 KiB, as bgzip writes it, is 17 members.
_MEMBERS_MAX = 32
# A longer body is unpacked in a thread (zlib releases the interpreter lock there). A megabyte of blocks that hold nothing
# takes 0.15 s, in which the event loop would answer nobody.
_INLINE_BYTES_MAX = 32 * 1024


def require_media_type(request: falcon.asgi.Request, accepted: Collection[str]) -> str:
    """The request's media type without parameters. Raises ``Problem`` (415) where it is none of ``accepted``."""
    media_type = (request.content_type or "").partition(";")[0].strip().lower()
    if media_type not in accepted:
        raise unsupported_media_type(f"Content-Type must be {' or '.join(sorted(accepted))}.")
    return media_type


async def read_body(request: falcon.asgi.Request, limit_bytes: int) -> bytes:
    """The body, unpacked.

    Raises ``Problem``: 413 over ``limit_bytes``, 415 for an encoding other than gzip, 400 for bad gzip: cut short, followed
    by other bytes, or in too many members.
    """
    encoding = (request.get_header("Content-Encoding") or "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip"}:
        raise unsupported_media_type("Content-Encoding must be gzip or identity.")
    raw = await _read_raw(request, limit_bytes)
    if encoding == "identity" or not raw:
        return raw
    if len(raw) <= _INLINE_BYTES_MAX:
        return _unpack(raw, limit_bytes)
    return await asyncio.to_thread(_unpack, raw, limit_bytes)


async def _read_raw(request: falcon.asgi.Request, limit_bytes: int) -> bytes:
    declared = request.content_length
    if declared is not None and declared > limit_bytes:
        raise payload_too_large(limit_bytes)
    body = await request.stream.read(limit_bytes + 1)
    if len(body) > limit_bytes:
        raise payload_too_large(limit_bytes)
    return body


def _unpack(packed: bytes, limit_bytes: int) -> bytes:
    """The content of ``packed``, in at most ``_MEMBERS_MAX`` members. Raises ``Problem`` as ``read_body`` does."""
    parts, size = [], 0
    try:
        # A gzip stream may have several members, one after another.
        for _ in range(_MEMBERS_MAX):
            member = zlib.decompressobj(_GZIP_WINDOW_BITS)
            # One byte more than the limit, and never more: a small body must not unpack to fill the memory.
            parts.append(member.decompress(packed, limit_bytes - size + 1))
            size += len(parts[-1])
            if size > limit_bytes:
                raise payload_too_large(limit_bytes)
            if not member.eof:
                raise _bad_gzip("ends in the middle of the gzip data")
            packed = member.unused_data
            if not packed:
                return b"".join(parts)
            if not packed.startswith(_GZIP_MAGIC):
                raise _bad_gzip("has bytes after the gzip data that are not gzip")
    except zlib.error:
        raise _bad_gzip("is not valid gzip") from None
    raise _bad_gzip(f"has more than {_MEMBERS_MAX} gzip members")


def _bad_gzip(error: str) -> Problem:
    return Problem(400, "BAD_REQUEST", "The body is not valid gzip.", (FieldError("body", error),))
