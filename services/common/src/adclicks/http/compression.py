"""Answers compressed with gzip, where the client takes it and it is worth it."""

import asyncio
import gzip
from typing import Any

import falcon.asgi

# Less is in one packet with its head anyway, and would not get smaller.
LEAST_BYTES = 1_024
# What takes longer than about a millisecond is compressed in a thread.
_INLINE_BYTES = 32 * 1024
_LEVEL = 5
_TEXT = ("application/json", "text/")


class CompressedAnswers:
    """Falcon middleware for bodies that are set as a whole; one that is streamed, or encoded already, stays as it is."""

    async def process_response(
        self, request: falcon.asgi.Request, response: falcon.asgi.Response, _resource: object, _succeeded: bool
    ) -> None:
        """Compresses ``response.data``."""
        body = response.data
        if not isinstance(body, bytes) or len(body) < LEAST_BYTES or response.get_header("Content-Encoding"):
            return
        if not (response.content_type or "").startswith(_TEXT):
            return
        response.append_header("Vary", "Accept-Encoding")
        if accepts_gzip(request.get_header("Accept-Encoding")):
            packed: Any = _pack(body) if len(body) <= _INLINE_BYTES else await asyncio.to_thread(_pack, body)
            response.data = packed
            response.set_header("Content-Encoding", "gzip")


def accepts_gzip(header: str | None) -> bool:
    """Whether an ``Accept-Encoding`` allows gzip. Without one, or where it is malformed: no."""
    weights = dict(_weight(item) for item in (header or "").lower().split(","))
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _weight(item: str) -> tuple[str, float]:
    coding, _, parameter = item.partition(";")
    name, _, value = parameter.partition("=")
    if not parameter.strip():
        return coding.strip(), 1.0
    try:
        return coding.strip(), float(value) if name.strip() == "q" else 0.0
    except ValueError:
        return coding.strip(), 0.0


def _pack(body: bytes) -> bytes:
    # Without a time: the same body is the same bytes.
    return gzip.compress(body, _LEVEL, mtime=0)
