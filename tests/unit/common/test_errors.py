"""The envelope in which HTTP answers carry errors."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from adclicks import errors
from adclicks.errors import FieldError, Problem

NOW = datetime(2025, 9, 6, 2, 37, 45, 123, tzinfo=timezone(timedelta(hours=2)))


def test_the_envelope_is_the_documented_one() -> None:
    """Code, message, every detail, and the time in UTC."""
    problem = errors.invalid_body(FieldError("ip", "must be …"), FieldError("name", "is required"))

    assert json.loads(problem.envelope(NOW)) == {
        "errors": {
            "code": "BAD_REQUEST",
            "message": "Body validation failed.",
            "details": [{"field": "ip", "error": "must be …"}, {"field": "name", "error": "is required"}],
            "timestamp": "2025-09-06T00:37:45.000123Z",
        }
    }


def test_without_details_the_list_is_empty() -> None:
    """Never missing."""
    assert json.loads(errors.not_found("gone").envelope(datetime.now(UTC)))["errors"]["details"] == []


@pytest.mark.parametrize(
    ("problem", "status", "code"),
    [
        (errors.malformed_body("x"), 400, "BAD_REQUEST"),
        (errors.invalid_query(FieldError("start", "x")), 400, "BAD_REQUEST"),
        (errors.not_found("x"), 404, "NOT_FOUND"),
        (errors.conflict("x"), 409, "CONFLICT"),
        (errors.payload_too_large(7), 413, "PAYLOAD_TOO_LARGE"),
        (errors.unsupported_media_type("x"), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (errors.retry_later("x"), 503, "SERVICE_UNAVAILABLE"),
    ],
)
def test_each_kind_has_its_status_and_stable_code(problem: Problem, status: int, code: str) -> None:
    """Clients match on the code."""
    assert (problem.status, problem.code) == (status, code)


def test_only_what_may_be_tried_again_says_when() -> None:
    """A retry of a wrong body would be wrong again."""
    assert errors.retry_later("x", 3).retry_after_seconds == 3
    assert errors.malformed_body("x").retry_after_seconds is None
