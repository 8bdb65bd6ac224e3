"""Which sums answer a range: months, days, hours, minutes, and raw clicks only inside the minutes at its two ends.

Pure. A range is ``[start, end)``: start inclusive, end exclusive. A plan is a list of signed pieces; adding the pieces with
sign +1 and taking away those with -1 gives each instant of the range once, and nothing else. (Half an hour before a full
hour is cheaper as that hour less its other half.)
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from adclicks.click import EARLIEST

# After this the next month's start has no representation in Python.
LATEST = datetime(9999, 12, 1, tzinfo=UTC)
# What looking up a piece costs, in rows of a sum.
_PIECE_COST = 2


class Level(IntEnum):
    """Where a piece's clicks are counted: raw clicks, or one of the sums, finest first."""

    RAW = 0
    MINUTE = 1
    HOUR = 2
    DAY = 3
    MONTH = 4


@dataclass(frozen=True)
class Range:
    """``[start, end)``, both in UTC, between ``EARLIEST`` and ``LATEST``, start not after end."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if (
            not EARLIEST <= self.start <= self.end <= LATEST
            or self.start.tzinfo is not UTC
            or self.end.tzinfo is not UTC
        ):
            raise ValueError(f"not a range: {self.start} to {self.end}")


@dataclass(frozen=True)
class Piece:
    """``[lower, upper)``, made of whole buckets of ``level``; a raw piece lies inside one minute. ``sign`` is 1 or -1."""

    level: Level
    lower: datetime
    upper: datetime
    sign: int = 1


_UNITS = {Level.MINUTE: timedelta(minutes=1), Level.HOUR: timedelta(hours=1), Level.DAY: timedelta(days=1)}


def floor(instant: datetime, level: Level) -> datetime:
    """The start of the bucket that holds ``instant``."""
    if level is Level.MONTH:
        return instant.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    if level is Level.DAY:
        return instant.replace(hour=0, minute=0, second=0, microsecond=0)
    if level is Level.HOUR:
        return instant.replace(minute=0, second=0, microsecond=0)
    return instant.replace(second=0, microsecond=0)


def following(start: datetime, level: Level) -> datetime:
    """The start of the bucket after the one that starts at ``start``."""
    if level is Level.MONTH:
        return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    return start + _UNITS[level]


def ceil(instant: datetime, level: Level) -> datetime:
    """The first bucket start that is not before ``instant``."""
    start = floor(instant, level)
    return start if start == instant else following(start, level)


def bucket_count(start: datetime, end: datetime, level: Level) -> int:
    """How many buckets lie between two bucket starts."""
    if level is Level.MONTH:
        return (end.year - start.year) * 12 + end.month - start.month
    return (end - start) // _UNITS[level]


def plan(asked: Range) -> list[Piece]:
    """The pieces that answer ``asked``: at most two raw ones, and few enough buckets however long the range is."""
    first, last = ceil(asked.start, Level.MINUTE), floor(asked.end, Level.MINUTE)
    if first > last:
        return [Piece(Level.RAW, asked.start, asked.end)]
    head = [Piece(Level.RAW, asked.start, first)] if asked.start < first else []
    tail = [Piece(Level.RAW, last, asked.end)] if last < asked.end else []
    return [*head, *_whole(first, last, Level.MINUTE), *tail]


def _whole(start: datetime, end: datetime, level: Level) -> list[Piece]:
    """The cheapest pieces between two bucket starts of ``level``."""
    if start == end:
        return []
    direct = [Piece(level, start, end)]
    if level is Level.MONTH:
        return direct
    above = Level(level + 1)
    near_start, near_end = _nearest(start, above), _nearest(end, above)
    if near_start >= near_end:
        return direct
    coarser = [
        *_signed(start, near_start, level),
        *_whole(near_start, near_end, above),
        *_signed(near_end, end, level),
    ]
    return min(direct, coarser, key=_cost)


def _nearest(instant: datetime, level: Level) -> datetime:
    below, above = floor(instant, level), ceil(instant, level)
    return below if instant - below < above - instant else above


def _signed(start: datetime, end: datetime, level: Level) -> list[Piece]:
    """From ``start`` to ``end``; taken away where the end comes first."""
    if start == end:
        return []
    return [Piece(level, start, end) if start < end else Piece(level, end, start, -1)]


def _cost(pieces: Iterable[Piece]) -> int:
    return sum(_PIECE_COST + bucket_count(piece.lower, piece.upper, piece.level) for piece in pieces)
