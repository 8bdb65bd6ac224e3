"""Which sums answer a range."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adclicks.click import EARLIEST
from analytics.buckets import STEPS, count_buckets, fill, series
from analytics.ranges import LATEST, Level, Piece, Range, bucket_count, ceil, floor, plan

# Half of the instants lie on or beside a boundary of something: that is where a cover goes wrong.
_ANY = st.datetimes(EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None))
_LEVELS = st.sampled_from([Level.MINUTE, Level.HOUR, Level.DAY, Level.MONTH])
_NUDGES = st.sampled_from([timedelta(0), timedelta(microseconds=1), timedelta(microseconds=-1), timedelta(seconds=30)])


def _clamp(instant: datetime) -> datetime:
    return min(max(instant, EARLIEST), LATEST)


@st.composite
def instants(draw: st.DrawFn, near: datetime | None = None) -> datetime:
    """Any instant, or one near ``near``, often at a bucket's edge."""
    if near is None:
        instant = draw(_ANY).replace(tzinfo=UTC)
    else:
        span = draw(st.sampled_from([1, 60, 3600, 86_400, 40 * 86_400, 800 * 86_400]))
        instant = _clamp(near) + timedelta(
            seconds=draw(st.integers(0, span)), microseconds=draw(st.integers(0, 999_999))
        )
    instant = _clamp(instant)
    if draw(st.booleans()):
        instant = _clamp(_clamp(floor(instant, draw(_LEVELS))) + draw(_NUDGES))
    return instant


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    """Any range, short ones as often as long ones."""
    start = draw(instants())
    end = draw(st.one_of(instants(), instants(near=start)))
    return Range(min(start, end), max(start, end))


def times_counted(pieces: list[Piece], instant: datetime) -> int:
    """How often the pieces count a click at ``instant``."""
    return sum(piece.sign for piece in pieces if piece.lower <= instant < piece.upper)


@given(ranges(), st.data())
@example(Range(datetime(2024, 2, 28, 23, 59, 59, 999_999, UTC), datetime(2024, 3, 1, tzinfo=UTC)), None)
def test_each_instant_of_a_range_is_counted_once_and_no_other(asked: Range, data: st.DataObject | None) -> None:
    """Every edge of every piece, the microseconds beside it, and any instant at all."""
    pieces = plan(asked)
    edges = {asked.start, asked.end, *(piece.lower for piece in pieces), *(piece.upper for piece in pieces)}
    # The month of the earliest instant starts where Python's time does.
    inner = edges - {datetime.min.replace(tzinfo=UTC)}
    probes = {edge + timedelta(microseconds=shift) for edge in inner for shift in (-1, 0, 1)}
    if data is not None:
        probes |= {data.draw(instants()), data.draw(instants(near=asked.start))}
    for probe in probes:
        assert times_counted(pieces, probe) == int(asked.start <= probe < asked.end), probe


@given(ranges())
def test_a_piece_is_made_of_whole_buckets_and_a_raw_one_lies_inside_a_minute(asked: Range) -> None:
    """A sum can't be cut, and raw clicks are asked for of at most two minutes."""
    pieces = plan(asked)
    for piece in pieces:
        assert piece.lower < piece.upper or asked.start == asked.end
        if piece.level is Level.RAW:
            assert piece.sign == 1
            assert piece.upper <= floor(piece.lower, Level.MINUTE) + timedelta(minutes=1)
        else:
            assert (floor(piece.lower, piece.level), floor(piece.upper, piece.level)) == (piece.lower, piece.upper)
    assert sum(piece.level is Level.RAW for piece in pieces) <= 2


@given(instants(), st.integers(0, 366 * 86_400))
def test_a_range_of_a_year_reads_few_sums(start: datetime, seconds: int) -> None:
    """Half an hour of minutes, half a day of hours and half a month of days at each end, and the months between."""
    asked = Range(start, _clamp(start + timedelta(seconds=seconds)))
    sums = [piece for piece in plan(asked) if piece.level is not Level.RAW]
    assert sum(bucket_count(piece.lower, piece.upper, piece.level) for piece in sums) <= 2 * (30 + 12 + 16) + 13


@given(ranges(), st.sampled_from(list(STEPS.values())), st.data())
def test_each_instant_of_a_series_is_counted_in_its_bucket_once(asked: Range, step: Level, data: st.DataObject) -> None:
    """Whole buckets and cut ones together cover the range, each instant in the bucket that holds it."""
    planned = series(asked, step)
    probe = data.draw(st.one_of(st.sampled_from([asked.start, asked.end]), instants(near=asked.start)))
    in_whole = planned.whole is not None and planned.whole.start <= probe < planned.whole.end
    in_partial = {start: times_counted(pieces, probe) for start, pieces in planned.partial.items()}
    assert int(in_whole) + sum(in_partial.values()) == int(asked.start <= probe < asked.end)
    for start, times in in_partial.items():
        assert times == 0 or start == floor(probe, step)


def test_a_series_has_its_empty_buckets_too() -> None:
    """A bucket without a click is listed with 0, the cut ones at both ends included."""
    asked = Range(datetime(2024, 2, 28, 23, 30, tzinfo=UTC), datetime(2024, 3, 1, 0, 0, 0, 1, UTC))
    days = [datetime(2024, 2, 28, tzinfo=UTC), datetime(2024, 2, 29, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)]
    assert count_buckets(asked, Level.DAY) == 3
    assert fill(asked, Level.DAY, {days[1]: 7}) == [(days[0], 0), (days[1], 7), (days[2], 0)]


def test_a_range_that_is_none_is_refused() -> None:
    """Its end before its start, or outside of what can be counted."""
    now = datetime(2025, 1, 1, tzinfo=UTC)
    for start, end in (
        (now, now - timedelta(seconds=1)),
        (datetime(1, 1, 1, tzinfo=UTC), now),
        (now, LATEST.max.replace(tzinfo=UTC)),
    ):
        with pytest.raises(ValueError, match="not a range"):
            Range(start, end)


@given(instants(), _LEVELS)
def test_a_bucket_holds_its_instant(instant: datetime, level: Level) -> None:
    """Floor and ceiling are the neighbouring bucket starts."""
    below, above = floor(instant, level), ceil(instant, level)
    assert below <= instant <= above
    assert bucket_count(below, above, level) == int(below != instant)
