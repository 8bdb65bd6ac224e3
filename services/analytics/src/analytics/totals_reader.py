"""Reads totals and names from PostgreSQL, and makes states of them. What takes long runs in a thread."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg import AsyncConnection

from analytics.counters import ENTRY_BYTES, Counters
from analytics.database import Database
from analytics.listing import AdTotal, Block, Listing, block, place, text
from analytics.totals_sql import BLOCKS, CHANGED_NAMES, LEDGER, NAMES, PAGE, UNLISTED
from analytics.totals_state import Ledger, TotalsState

# How long PostgreSQL may take for the totals of all ads.
LOAD_SECONDS = 60.0
# Blocks of a thousand ads that are fetched at a time, and names that are asked for at a time.
_BLOCKS_A_STEP = 16
_NAMES_A_STEP = 10_000


@dataclass(frozen=True)
class _LedgerRow:
    version: int
    deletions: int
    stored: int
    topic_id: str | None
    partition: int
    next_offset: int


class TotalsReader:
    """Raises ``Problem`` (503) where PostgreSQL is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ledger(self) -> Ledger:
        """How far the clicks are counted now."""
        return _ledger(await self._database.rows(_LedgerRow, LEDGER))

    async def load(self) -> TotalsState:
        """Everything, as of one moment."""
        counters, blocks = Counters(), list[Block]()
        async with self._database.snapshot(LOAD_SECONDS) as connection:
            rows = await (await connection.execute(LEDGER)).fetchall()
            ledger = _ledger([_LedgerRow(*row) for row in rows])
            await _load_blocks(connection, counters, blocks)
            await _load_unlisted(connection, counters)
        return TotalsState(ledger, counters, Listing(blocks), counters.total - ledger.stored)

    async def add(self, state: TotalsState, added: Sequence[Mapping[str, int]], ledger: Ledger) -> TotalsState:
        """``state`` moved on to ``ledger`` by what was added to each ad, a mapping a partition."""
        totals = await asyncio.to_thread(lambda: state.sums(_by_bytes(part) for part in added))
        return await self._move(state, totals, ledger)

    async def replace(self, state: TotalsState, totals: Mapping[str, int], ledger: Ledger) -> TotalsState:
        """``state`` moved on to ``ledger`` by the totals of all ads that were clicked."""
        return await self._move(state, await asyncio.to_thread(_by_bytes, totals), ledger)

    async def page(self, after: UUID, limit: int) -> list[AdTotal]:
        """At most ``limit`` ads in the order of their ids, from the one after ``after`` on."""
        found = await self._database.rows(_Counted, PAGE, {"after": after, "limit": limit})
        return [AdTotal(str(item.ad_id), item.name, str(item.clicks)) for item in found]

    async def names(self, ads: Sequence[bytes], after: int, until: int) -> dict[bytes, str]:
        """Of those of ``ads`` that may be listed, and of the registered ones that changed between two versions."""
        names: dict[bytes, str] = {}
        for at in range(0, len(ads), _NAMES_A_STEP):
            asked = "{" + ",".join(text(ad) for ad in ads[at : at + _NAMES_A_STEP]) + "}"
            names.update(await self._database.rows(_pair, NAMES, {"ads": asked}))
        if after != until:
            names.update(await self._database.rows(_pair, CHANGED_NAMES, {"after": after, "until": until}))
        return names

    async def _move(self, state: TotalsState, totals: Mapping[bytes, int], ledger: Ledger) -> TotalsState:
        new = await asyncio.to_thread(state.unlisted, totals)
        names = await self.names(new, state.ledger.ads_version, ledger.ads_version)
        return await asyncio.to_thread(state.move, totals, names, ledger)


@dataclass(frozen=True)
class _Counted:
    ad_id: UUID
    name: str
    clicks: int


def _pair(ad_id: bytes, name: str) -> tuple[bytes, str]:
    return ad_id, name


def _by_bytes(totals: Mapping[str, int]) -> dict[bytes, int]:
    return {bytes.fromhex(ad_id.replace("-", "")): clicks for ad_id, clicks in totals.items()}


def _ledger(rows: Sequence[_LedgerRow]) -> Ledger:
    offsets = {(row.topic_id, row.partition): row.next_offset for row in rows if row.topic_id is not None}
    return Ledger(rows[0].version, rows[0].deletions, rows[0].stored, offsets)


async def _load_blocks(connection: AsyncConnection, counters: Counters, blocks: list[Block]) -> None:
    async with connection.cursor("blocks", binary=True) as cursor:
        await cursor.execute(BLOCKS)
        while rows := await cursor.fetchmany(_BLOCKS_A_STEP):
            blocks += await asyncio.to_thread(_pack_blocks, rows, counters)


async def _load_unlisted(connection: AsyncConnection, counters: Counters) -> None:
    async with connection.cursor("unlisted", binary=True) as cursor:
        await cursor.execute(UNLISTED)
        while rows := await cursor.fetchmany(1):
            await asyncio.to_thread(counters.load, rows[0][0])


def _pack_blocks(rows: Sequence[tuple[int, str, bytes]], counters: Counters) -> list[Block]:
    packed = []
    for count, encoded, entries in rows:
        counters.load(entries)
        ad_id, value = entries[: ENTRY_BYTES - 8], int.from_bytes(entries[ENTRY_BYTES - 8 : ENTRY_BYTES], "big")
        packed.append(block(place(value >> 1, ad_id), count, encoded.encode()))
    return packed
