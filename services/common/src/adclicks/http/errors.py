"""The one place where errors become HTTP answers."""

from datetime import UTC, datetime
from typing import Any

import falcon
import falcon.asgi
import structlog

from adclicks.errors import FieldError, Problem

_CODES = {
    400: "BAD_REQUEST",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    503: "SERVICE_UNAVAILABLE",
}
_log = structlog.get_logger()


def install(app: falcon.asgi.App[Any, Any]) -> None:
    """Every error that leaves a resource of ``app`` is answered in the envelope."""
    app.add_error_handler(Exception, _on_exception)
    app.add_error_handler(falcon.HTTPError, _on_http_error)
    app.add_error_handler(Problem, _on_problem)


def write(response: falcon.asgi.Response, problem: Problem) -> None:
    """Makes ``response`` the answer to ``problem``."""
    response.status = problem.status
    response.content_type = falcon.MEDIA_JSON
    response.data = problem.envelope(datetime.now(UTC))
    for name, value in problem.headers.items():
        response.set_header(name, value)
    if problem.retry_after_seconds is not None:
        response.set_header("Retry-After", str(problem.retry_after_seconds))


async def _on_problem(
    _request: falcon.asgi.Request, response: falcon.asgi.Response, problem: Problem, _params: dict[str, Any]
) -> None:
    write(response, problem)


async def _on_http_error(
    _request: falcon.asgi.Request, response: falcon.asgi.Response, error: falcon.HTTPError, _params: dict[str, Any]
) -> None:
    headers = error.headers or {}
    status = falcon.http_status_to_code(error.status)
    message = error.description or error.title or "The request can't be served."
    if status == 404:
        message = "There is nothing at this path."
    elif status == 405:
        message = "This path does not take that method."
    details = (FieldError("request", error.title),) if status == 400 and error.title else ()
    code = _CODES.get(status, "ERROR")
    write(response, Problem(status, code, message, details, headers=dict(headers)))


async def _on_exception(
    request: falcon.asgi.Request, response: falcon.asgi.Response, error: Exception, _params: dict[str, Any]
) -> None:
    _log.error("request failed", method=request.method, path=request.path, exc_info=error)
    write(response, Problem(500, "INTERNAL_SERVER_ERROR", "Something went wrong here; the log has the request id."))
