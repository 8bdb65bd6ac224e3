"""A regression shows: ratios are held against those that were recorded."""

from pathlib import Path

import pytest

from bench import record
from bench.measurement import Limit, Measurement


def rate(value: float, limit: float = 1000) -> Measurement:
    """A rate beside the machine's own."""
    return Measurement("P2", "clicks", value, "/s", 500, at_least=True, limit=Limit("empty", limit))


def memory(value: float) -> Measurement:
    """A figure without a limit."""
    return Measurement("P8", "a worker", value, "MB", 120, at_least=False)


def test_a_slower_machine_is_no_regression() -> None:
    """Half the rate on a machine that can do half as much is the same ratio."""
    assert record.moved([rate(250, limit=500)], {"P2 clicks": 0.5}) == []


@pytest.mark.parametrize(("value", "is_worse"), [(350, True), (650, False)])
def test_a_ratio_that_moved_by_more_than_a_fifth_is_named(value: float, is_worse: bool) -> None:
    """In both directions, and whether it is for the worse."""
    (moved,) = record.moved([rate(value)], {"P2 clicks": 0.5})
    assert moved.worse is is_worse
    assert "P2 clicks" in str(moved)


def test_a_small_change_is_noise() -> None:
    """A fifth to either side."""
    assert record.moved([rate(410), memory(110)], {"P2 clicks": 0.5, "P8 a worker": 100}) == []


def test_more_memory_is_worse() -> None:
    """A figure without a limit is recorded as it is, and less of it is better."""
    (moved,) = record.moved([memory(150)], {"P8 a worker": 100})
    assert moved.worse


def test_what_was_never_recorded_has_not_moved() -> None:
    """A new figure is not a regression."""
    assert record.moved([rate(1)], {}) == []


def test_recording_some_figures_keeps_the_others(tmp_path: Path) -> None:
    """And quick runs keep apart from full ones."""
    path = tmp_path / "recorded.json"
    record.write([rate(500)], quick=True, path=path)
    record.write([memory(100)], quick=True, path=path)
    record.write([rate(700)], quick=False, path=path)
    found = record.read(path)
    assert found.quick == {"P2 clicks": 0.5, "P8 a worker": 100}
    assert found.full == {"P2 clicks": 0.7}
