"""What is wrong with a request's parameters is said at once."""

from datetime import UTC, datetime

import pytest

from adclicks.errors import Problem
from analytics.parameters import AskedRange, Parameters

_END = "2025-09-06T10:05:00Z"


def read_range(start: str, end: str = _END) -> AskedRange:
    """As a resource reads it."""
    parameters = Parameters({"start": start, "end": end})
    asked = parameters.range()
    parameters.check()
    return asked


def errors_of(parameters: Parameters) -> dict[str, str]:
    """The fields and what is wrong with each."""
    with pytest.raises(Problem) as raised:
        parameters.check()
    assert raised.value.status == 400
    return {detail.field: detail.error for detail in raised.value.details}


def test_a_range_is_repeated_as_it_was_asked_for() -> None:
    """The text comes back, not another spelling of the instant."""
    asked = read_range("2025-09-05T12:00:00+02:00")
    assert (asked.start, asked.end) == ("2025-09-05T12:00:00+02:00", _END)
    assert asked.range.start == datetime(2025, 9, 5, 10, tzinfo=UTC)


def test_a_plus_that_arrived_as_a_space_is_a_plus() -> None:
    """Who writes +02:00 into a URL means it."""
    asked = read_range("2025-09-05T12:00:00 02:00")
    assert asked.start == "2025-09-05T12:00:00+02:00"
    assert asked.range.start == datetime(2025, 9, 5, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "1757062800",
        "2025-09-05",
        "2025-09-05T10:00:00",
        "2025-09-05T10:00:00 ",
        "2025-09-05T23:59:60Z",
        "2025-02-29T00:00:00Z",
        "2025-09-05T10:00:00+25:00",
        "2025-09-05 10:00",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59.999999-12:00",
    ],
)
def test_what_is_no_instant_is_refused_by_its_name(text: str) -> None:
    """Garbage, leap seconds, days that don't exist, no offset, and what can't be counted."""
    parameters = Parameters({"start": text, "end": _END})
    parameters.range()
    assert list(errors_of(parameters)) == ["start"]


@pytest.mark.parametrize("start", [_END, "2025-09-06T10:05:00.000001Z", "2025-09-06T12:05:00+02:00"])
def test_a_start_that_is_not_before_the_end_names_both(start: str) -> None:
    """Equal ones too, however they are written."""
    parameters = Parameters({"start": start, "end": _END})
    parameters.range()
    assert errors_of(parameters) == {"start": "must be before end", "end": "must be after start"}


def test_all_that_is_wrong_is_listed() -> None:
    """The path's id, both ends, the step and the limit in one answer, each once."""
    parameters = Parameters({"start": ["2025-09-05T10:00:00Z", "x"], "step": "week", "limit": "1e3", "after": "4"})
    parameters.path_id("ad_id", "not-an-id")
    parameters.range()
    parameters.choice("step", ["minute", "hour"])
    parameters.whole("limit", 1, 1000, 10)
    parameters.optional_id("after")
    assert errors_of(parameters) == {
        "ad_id": "must be a UUID",
        "start": "must be given once",
        "end": "is required",
        "step": "must be one of minute, hour",
        "limit": "must be a whole number from 1 to 1000",
        "after": "must be a UUID",
    }


def test_what_may_be_left_out_has_its_default() -> None:
    """No limit, no page."""
    parameters = Parameters({})
    assert parameters.whole("limit", 1, 1000, 10) == 10
    assert parameters.optional_id("after") is None
    parameters.check()
