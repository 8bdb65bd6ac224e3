"""A request id in each answer and each log line: the caller's own where it is a sane one, else a new one."""

import re
from uuid import uuid4

import falcon.asgi
import structlog

HEADER = "X-Request-Id"
# A caller's id lands in logs: nothing in it may end the line or fill the disk.
_SANE = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


def is_sane(request_id: str) -> bool:
    """Whether a caller's id may be used as it is."""
    return _SANE.fullmatch(request_id) is not None


class RequestId:
    """Falcon middleware."""

    async def process_request(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """Takes or makes the id, and answers with it."""
        given = request.get_header(HEADER) or ""
        request_id = given if is_sane(given) else uuid4().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response.set_header(HEADER, request_id)
