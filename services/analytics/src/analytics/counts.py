"""How many clicks in a range: plans, asks PostgreSQL, and refuses what can no longer be told exactly."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from adclicks.errors import FieldError, invalid_query
from analytics.buckets import fill, series
from analytics.database import Database
from analytics.queries import COUNT, SERIES, TOP
from analytics.ranges import Level, Piece, Range, floor, plan

_REMEDY = (
    "lies inside a minute whose single clicks are no longer kept, so that no exact count is possible: use a full minute"
)


@dataclass(frozen=True)
class AdCount:
    """An ad and its clicks in a range."""

    ad_id: UUID
    name: str
    clicks: int


@dataclass(frozen=True)
class _Sum:
    ad_id: UUID
    bucket: datetime
    clicks: int
    # The minutes at an edge whose single clicks are no longer all there.
    lost: list[datetime]


@dataclass(frozen=True)
class _Ranked:
    ad_id: UUID
    name: str
    clicks: int
    lost: list[datetime]


Plans = Mapping[datetime, list[Piece]]


class Counts:
    """Exact counts over ranges. Each method raises ``Problem``: 400 where an edge can't be exact any more, and 503."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_ads(self, ads: Sequence[UUID], asked: Range) -> dict[UUID, int]:
        """The clicks of each of ``ads``, 0 for an ad that nobody has clicked."""
        plans = {asked.start: plan(asked)}
        sums = await self._database.rows(_Sum, COUNT, {"ads": _array(map(str, ads)), **_arrays(plans)})
        _require_exact(asked, (row.lost for row in sums))
        counts = Counter({row.ad_id: row.clicks for row in sums})
        return {ad: counts[ad] for ad in ads}

    async def series(self, ad: UUID, asked: Range, step: Level) -> list[tuple[datetime, int]]:
        """Start and clicks of each bucket of ``step`` that the range touches, in order."""
        planned = series(asked, step)
        whole = planned.whole
        params = {
            "ads": _array([str(ad)]),
            "ad": ad,
            "step": int(step) if whole else 0,
            "whole_lower": whole.start if whole else asked.start,
            "whole_upper": whole.end if whole else asked.start,
            **_arrays(planned.partial),
        }
        sums = await self._database.rows(_Sum, SERIES, params)
        _require_exact(asked, (row.lost for row in sums))
        counts = Counter({row.bucket.astimezone(UTC): row.clicks for row in sums})
        return fill(asked, step, counts)

    async def top(self, asked: Range, limit: int) -> list[AdCount]:
        """The ads with the most clicks, at most ``limit``, none without a click; equal ones in the order of their ids."""
        pieces = {asked.start: plan(asked)}
        rows = await self._database.rows(_Ranked, TOP, {"limit": limit, **_arrays(pieces)})
        _require_exact(asked, (row.lost for row in rows))
        return [AdCount(row.ad_id, row.name, row.clicks) for row in rows]


def _arrays(by_bucket: Plans) -> dict[str, str]:
    """Pieces as the statements take them, a list a column."""
    pieces = [(bucket, piece) for bucket, found in by_bucket.items() for piece in found]
    return {
        "level": _array(str(int(piece.level)) for _, piece in pieces),
        "lower": _array(piece.lower.isoformat() for _, piece in pieces),
        "upper": _array(piece.upper.isoformat() for _, piece in pieces),
        "sign": _array(str(piece.sign) for _, piece in pieces),
        "bucket": _array(bucket.isoformat() for bucket, _ in pieces),
    }


def _array(items: Iterable[str]) -> str:
    """PostgreSQL's text of an array of what needs no quotes; psycopg's own way takes ten times as long."""
    return "{" + ",".join(items) + "}"


def _require_exact(asked: Range, lost: Iterable[list[datetime]]) -> None:
    minutes = {minute for found in lost for minute in found}
    if minutes:
        edges = {"start": asked.start, "end": asked.end}
        raise invalid_query(*(FieldError(name, _REMEDY) for name, edge in edges.items() if _cuts(edge, minutes)))


def _cuts(edge: datetime, minutes: set[datetime]) -> bool:
    minute = floor(edge, Level.MINUTE)
    return edge != minute and minute in minutes
