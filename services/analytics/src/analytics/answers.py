"""What every answer of this API looks like: one object with ``data`` in it."""

from typing import Any

import falcon
import falcon.asgi
import msgspec

# 16 KiB: an ad is a name and an address or two.
BODY_BYTES_MAX = 16 * 1024
PAGE_MAX = 10_000

Request = falcon.asgi.Request
Response = falcon.asgi.Response


def write(response: Response, data: Any, status: int = 200) -> None:  # whatever msgspec encodes
    """``{"data": …}``."""
    write_body(response, msgspec.json.encode({"data": data}), status)


def write_body(response: Response, body: bytes, status: int = 200) -> None:
    """A body that is encoded already."""
    response.status = status
    response.content_type = falcon.MEDIA_JSON
    # Counts and ads change; without this a cache between may keep an answer for a time of its own choice.
    response.cache_control = ["no-store"]
    response.data = body
