"""The live totals of all ads: from Redis where it can be believed, else from PostgreSQL.

The ledger says how far the clicks are counted. It is asked at most once in ``max_age_seconds``, by all requests of a worker
together; while it stands still, so does the answer. Redis is believed only where each partition's set is complete and
belongs to the ledger as just read, or a later one: totals are never older than that reading.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec
from psycopg import sql

from adclicks.totals_cache import NEXT_OFFSET, add_up
from analytics.database import Database

REDIS = "redis"
POSTGRESQL = "postgresql"

Partition = tuple[str, int]
Members = list[tuple[bytes, float]]

_LEDGER = sql.SQL("""
select version, topic_id, kafka_partition, next_offset from ads_version left join (
    select distinct on (kafka_partition) topic_id, kafka_partition, next_offset
    from ledger order by kafka_partition, started_at desc
) as newest on true
""")
_TOTALS = sql.SQL("select ad_id::text, sum(clicks)::bigint from ad_totals group by ad_id")
_NAMES = sql.SQL("""
select id::text, name, true from ads
union all select ad_id::text, name, false from seen_ads where not exists (select from ads where id = ad_id)
""")


class PartitionSets(Protocol):
    """Where the sets of ``totals_cache`` are read from."""

    async def read(self, partitions: list[Partition]) -> list[Members] | None:
        """Each partition's members and scores; None where they can't be had now."""


@dataclass(frozen=True)
class Watermarks:
    """What an answer depends on: the ledger's next offset of each partition, and the version of the ads."""

    ads_version: int
    next_offsets: Mapping[Partition, int]


@dataclass(frozen=True)
class Answer:
    """The body, and which store the totals came from."""

    body: bytes
    source: str


class AdTotal(msgspec.Struct, frozen=True):
    """An ad's total as the API gives it: a string."""

    ad_id: str
    name: str
    total_clicks: str


@dataclass(frozen=True)
class _LedgerRow:
    version: int
    topic_id: str | None
    partition: int
    next_offset: int


@dataclass(frozen=True)
class _Total:
    ad_id: str
    clicks: int


@dataclass(frozen=True)
class _Name:
    ad_id: str
    name: str
    registered: bool


def believed(next_offsets: Mapping[Partition, int], sets: list[Members]) -> dict[str, int] | None:
    """The totals that ``sets`` add up to; None where a set is incomplete or older than the ledger."""
    for next_offset, members in zip(next_offsets.values(), sets, strict=True):
        if dict(members).get(NEXT_OFFSET, -1) < next_offset:
            return None
    return add_up(sets)


class LiveTotals:
    """One a worker. ``get`` raises ``Problem`` (503) where PostgreSQL is away."""

    def __init__(self, database: Database, sets: PartitionSets, max_age_seconds: float) -> None:
        self._database = database
        self._sets = sets
        self._max_age_seconds = max_age_seconds
        self._asked_at = float("-inf")
        self._watermarks: Watermarks | None = None
        self._answer = Answer(b"", POSTGRESQL)
        self._refresh_task: asyncio.Task[None] | None = None
        self._names: list[_Name] = []
        self._names_version: int | None = None

    async def get(self) -> Answer:
        """All ads that are registered or were clicked, the most clicked first."""
        if asyncio.get_running_loop().time() - self._asked_at >= self._max_age_seconds:
            if self._refresh_task is None or self._refresh_task.done():
                self._refresh_task = asyncio.create_task(self._refresh())
            # Shielded: one client that hangs up must not take the answer from the others.
            await asyncio.shield(self._refresh_task)
        return self._answer

    async def _refresh(self) -> None:
        asked_at = asyncio.get_running_loop().time()
        watermarks = await self._read_ledger()
        if watermarks != self._watermarks:
            totals, source = await self._read_totals(watermarks)
            names = await self._read_names(watermarks.ads_version, totals)
            self._answer = Answer(_render(totals, names), source)
            self._watermarks = watermarks
        self._asked_at = asked_at

    async def _read_ledger(self) -> Watermarks:
        rows = await self._database.rows(_LedgerRow, _LEDGER)
        offsets = {(row.topic_id, row.partition): row.next_offset for row in rows if row.topic_id is not None}
        return Watermarks(rows[0].version, offsets)

    async def _read_totals(self, watermarks: Watermarks) -> tuple[Mapping[str, int], str]:
        if watermarks.next_offsets:
            sets = await self._sets.read(list(watermarks.next_offsets))
            totals = None if sets is None else believed(watermarks.next_offsets, sets)
            if totals is not None:
                return totals, REDIS
        rows = await self._database.rows(_Total, _TOTALS)
        return {row.ad_id: row.clicks for row in rows}, POSTGRESQL

    async def _read_names(self, version: int, totals: Mapping[str, int]) -> list[_Name]:
        known = {name.ad_id for name in self._names}
        if version != self._names_version or not totals.keys() <= known:
            self._names = await self._database.rows(_Name, _NAMES)
            self._names_version = version
        return self._names


def _render(totals: Mapping[str, int], names: list[_Name]) -> bytes:
    counted = [(totals.get(item.ad_id, 0), item) for item in names if item.registered or totals.get(item.ad_id, 0) > 0]
    counted.sort(key=lambda pair: (-pair[0], pair[1].ad_id))
    return msgspec.json.encode({"data": [AdTotal(item.ad_id, item.name, str(clicks)) for clicks, item in counted]})
