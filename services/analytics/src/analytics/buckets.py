"""The buckets of a time series. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from analytics.ranges import Level, Piece, Range, bucket_count, ceil, floor, following, plan

BUCKETS_MAX = 10_000
STEPS = {"minute": Level.MINUTE, "hour": Level.HOUR, "day": Level.DAY}


@dataclass(frozen=True)
class Series:
    """How a time series is asked for.

    ``whole``: the part made of whole buckets, read row by row; None where there is none. ``partial``: by bucket start, the
    pieces of the buckets that the range cuts.
    """

    asked: Range
    step: Level
    whole: Range | None
    partial: Mapping[datetime, list[Piece]]


def count_buckets(asked: Range, step: Level) -> int:
    """How many buckets the range touches; a range that ends where it starts touches none."""
    if asked.start == asked.end:
        return 0
    return bucket_count(floor(asked.start, step), ceil(asked.end, step), step)


def series(asked: Range, step: Level) -> Series:
    """The plan of a time series."""
    first, last = ceil(asked.start, step), floor(asked.end, step)
    if first > last:
        # Both ends lie in one bucket.
        return Series(asked, step, None, {floor(asked.start, step): plan(asked)})
    partial = {}
    if asked.start < first:
        partial[floor(asked.start, step)] = plan(Range(asked.start, first))
    if last < asked.end:
        partial[last] = plan(Range(last, asked.end))
    return Series(asked, step, Range(first, last) if first < last else None, partial)


def fill(asked: Range, step: Level, counts: Mapping[datetime, int]) -> list[tuple[datetime, int]]:
    """Every bucket's start and count, in order; 0 where ``counts`` has none."""
    filled = []
    start = floor(asked.start, step)
    for _ in range(count_buckets(asked, step)):
        filled.append((start, counts.get(start, 0)))
        start = following(start, step)
    return filled
