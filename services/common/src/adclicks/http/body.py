"""Reads a request's body within a bound, unpacked where it is gzip."""

import zlib
from collections.abc import Collection

import falcon.asgi

from adclicks.errors import FieldError, Problem, payload_too_large, unsupported_media_type

_GZIP_WINDOW_BITS = 31


def require_media_type(request: falcon.asgi.Request, accepted: Collection[str]) -> str:
    """The request's media type without parameters. Raises ``Problem`` (415) where it is none of ``accepted``."""
    media_type = (request.content_type or "").partition(";")[0].strip().lower()
    if media_type not in accepted:
        raise unsupported_media_type(f"Content-Type must be {' or '.join(sorted(accepted))}.")
    return media_type


async def read_body(request: falcon.asgi.Request, limit_bytes: int) -> bytes:
    """The body, unpacked.

    Raises ``Problem``: 413 over ``limit_bytes``, 415 for an encoding other than gzip, 400 for bad gzip.
    """
    encoding = (request.get_header("Content-Encoding") or "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip"}:
        raise unsupported_media_type("Content-Encoding must be gzip or identity.")
    raw = await _read_raw(request, limit_bytes)
    return raw if encoding == "identity" else _unpack(raw, limit_bytes)


async def _read_raw(request: falcon.asgi.Request, limit_bytes: int) -> bytes:
    declared = request.content_length
    if declared is not None and declared > limit_bytes:
        raise payload_too_large(limit_bytes)
    body = await request.stream.read(limit_bytes + 1)
    if len(body) > limit_bytes:
        raise payload_too_large(limit_bytes)
    return body


def _unpack(packed: bytes, limit_bytes: int) -> bytes:
    parts, size = [], 0
    try:
        # A gzip stream may have several members, one after another.
        while packed:
            member = zlib.decompressobj(_GZIP_WINDOW_BITS)
            # One byte more than the limit, and never more: a small body must not unpack to fill the memory.
            parts.append(member.decompress(packed, limit_bytes - size + 1))
            size += len(parts[-1])
            if size > limit_bytes:
                raise payload_too_large(limit_bytes)
            if not member.eof:
                raise _bad_gzip()
            packed = member.unused_data
    except zlib.error:
        raise _bad_gzip() from None
    return b"".join(parts)


def _bad_gzip() -> Problem:
    return Problem(400, "BAD_REQUEST", "The body is not valid gzip.", (FieldError("body", "is not valid gzip"),))
