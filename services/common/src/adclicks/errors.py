"""Errors named by what their receiver should do, and the envelope in which HTTP answers carry them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """One invalid field: its name (a path such as ``timestamp``) and what is wrong with it."""

    field: str
    error: str


@dataclass(eq=False)
class Problem(Exception):
    """An answer that is not a success.

    ``status`` is the HTTP status; ``code`` the stable name clients match on (``BAD_REQUEST``); ``message`` a sentence;
    ``details`` every invalid field, not the first alone; ``retry_after_seconds`` is set when a retry makes sense.
    """

    status: int
    code: str
    message: str
    details: tuple[FieldError, ...] = ()
    retry_after_seconds: int | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def envelope(self, now: datetime) -> bytes:
        """The JSON body ``{"errors": {"code", "message", "details", "timestamp"}}``; ``now`` is an aware time."""
        timestamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return msgspec.json.encode(
            {
                "errors": {
                    "code": self.code,
                    "message": self.message,
                    "details": self.details,
                    "timestamp": timestamp,
                }
            }
        )


def invalid_body(*details: FieldError) -> Problem:
    """400 for a body with invalid fields."""
    return Problem(400, "BAD_REQUEST", "Body validation failed.", details)


def malformed_body(reason: str) -> Problem:
    """400 for a body that is not JSON at all."""
    return Problem(400, "BAD_REQUEST", "The body is not valid JSON.", (FieldError("body", reason),))


def invalid_query(*details: FieldError) -> Problem:
    """400 for query or path parameters."""
    return Problem(400, "BAD_REQUEST", "Request validation failed.", details)


def not_found(message: str) -> Problem:
    """404."""
    return Problem(404, "NOT_FOUND", message)


def conflict(message: str, *details: FieldError) -> Problem:
    """409: what is asked for contradicts what is stored."""
    return Problem(409, "CONFLICT", message, details)


def payload_too_large(limit_bytes: int) -> Problem:
    """413; ``limit_bytes`` counts the unpacked body."""
    return Problem(413, "PAYLOAD_TOO_LARGE", f"The body is larger than {limit_bytes} bytes.")


def unsupported_media_type(message: str) -> Problem:
    """415."""
    return Problem(415, "UNSUPPORTED_MEDIA_TYPE", message)


def retry_later(message: str, seconds: int = 1) -> Problem:
    """503: the request was not accepted, or may not have been; the client sends it again after ``seconds``."""
    return Problem(503, "SERVICE_UNAVAILABLE", message, retry_after_seconds=seconds)
