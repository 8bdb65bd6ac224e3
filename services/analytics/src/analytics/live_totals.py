"""The live totals of all ads, kept in memory and moved on by what changed.

The ledger says how far the clicks are counted. It is asked at most once in ``max_age_seconds``, by all requests of a worker
together; while it stands still, so does the answer. Where it has moved, Redis says what was added on the way to where it
stands (``totals_cache``); where Redis can't, all totals are read, from Redis or from PostgreSQL. Totals are never older than
the ledger's reading.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from adclicks.errors import Problem, retry_later
from adclicks.totals_cache import NEXT_OFFSET, add_up
from analytics.totals_reader import TotalsReader
from analytics.totals_state import Ledger, Partition, TotalsState

REDIS = "redis"
POSTGRESQL = "postgresql"

Members = list[tuple[bytes, float]]
# A consumer commits, and then writes to Redis: for a moment Redis is behind. To wait costs less than to read all totals.
_BEHIND_TRIES = 6
_BEHIND_SECONDS = 0.05
# How long a request waits for totals that are being read; the reading goes on.
_WAIT_SECONDS = 30.0
_log = structlog.get_logger()


@dataclass(frozen=True)
class Behind:
    """Redis has the totals of an earlier offset, and no gap before it."""


class TotalsCache(Protocol):
    """What ``totals_cache`` describes."""

    async def changes(self, moved: Mapping[Partition, tuple[int, int]]) -> list[dict[str, int]] | Behind | None:
        """What was added to each ad of each partition between two offsets; None where that can't be had."""

    async def sets(self, partitions: list[Partition]) -> list[Members] | None:
        """Each partition's members and scores; None where they can't be had now, or are too many."""


@dataclass(frozen=True)
class Answer:
    """The totals, and which store the last of them came from."""

    state: TotalsState
    source: str


def believed(next_offsets: Mapping[Partition, int], sets: list[Members]) -> dict[str, int] | None:
    """The totals that ``sets`` add up to; None where a set is incomplete or older than the ledger."""
    for next_offset, members in zip(next_offsets.values(), sets, strict=True):
        if dict(members).get(NEXT_OFFSET, -1) < next_offset:
            return None
    return add_up(sets)


class LiveTotals:
    """One a worker. ``get`` raises ``Problem`` (503) where PostgreSQL is away."""

    def __init__(self, reader: TotalsReader, cache: TotalsCache, max_age_seconds: float) -> None:
        self._reader = reader
        self._cache = cache
        self._max_age_seconds = max_age_seconds
        self._fresh_until = float("-inf")
        self._answer: Answer | None = None
        self._refreshing: asyncio.Task[None] | None = None

    async def get(self) -> Answer:
        """All ads that are registered or were clicked."""
        if self._answer is None or asyncio.get_running_loop().time() >= self._fresh_until:
            try:
                # Shielded: one client that hangs up must not take the answer from the others.
                await asyncio.wait_for(asyncio.shield(self.refresh()), _WAIT_SECONDS)
            except TimeoutError:
                raise retry_later("The totals are still being read.") from None
        if self._answer is None:
            raise retry_later("The totals are being read again.")
        return self._answer

    def refresh(self) -> "asyncio.Task[None]":
        """Starts to read what changed, unless that is under way; ``get`` does it by itself."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh())
            # Where all who waited have gone, nobody else asks for its error.
            self._refreshing.add_done_callback(_look_at_error)
        return self._refreshing

    async def _refresh(self) -> None:
        loop = asyncio.get_running_loop()
        started_at = loop.time()
        ledger = await self._reader.ledger()
        if not await self._follow(ledger):
            await self._load()
        self._fresh_until = max(self._fresh_until, started_at + self._max_age_seconds)

    async def _follow(self, ledger: Ledger) -> bool:
        """Whether what is in memory could be moved on to ``ledger``."""
        if self._answer is None or not self._answer.state.leads_to(ledger):
            return False
        return self._answer.state.ledger == ledger or await self._move(self._answer.state, ledger)

    async def _load(self) -> None:
        loop = asyncio.get_running_loop()
        started_at = loop.time()
        # What is there may have been changed half-way: never use it again, also where this fails.
        self._answer = None
        self._answer = Answer(await self._reader.load(), POSTGRESQL)
        # Where Redis is away, very many ads would else be read without a pause.
        self._fresh_until = loop.time() + (loop.time() - started_at)

    async def _move(self, state: TotalsState, ledger: Ledger) -> bool:
        """False where all has to be read anew."""
        since = state.ledger.next_offsets
        moved = {place: (since[place], until) for place, until in ledger.next_offsets.items() if until > since[place]}
        try:
            added = await self._changes(moved)
            if added is None:
                return await self._replace(state, ledger)
            state = await self._reader.add(state, added, ledger)
        except KeyError:
            _log.error("the totals in memory disagree with each other; reading them again")
            return False
        if not state.adds_up():
            _log.error("the totals that were followed differ from the ledger; reading them again")
            return False
        source = REDIS if moved or self._answer is None else self._answer.source
        self._answer = Answer(state, source)
        return True

    async def _replace(self, state: TotalsState, ledger: Ledger) -> bool:
        """By all totals that Redis has."""
        sets = await self._cache.sets(list(ledger.next_offsets))
        totals = None if sets is None else believed(ledger.next_offsets, sets)
        if sets is None or totals is None:
            return False
        reached = dict(zip(ledger.next_offsets, (_next_offset(members) for members in sets), strict=True))
        self._answer = Answer(await self._reader.replace(state, totals, ledger.at(reached)), REDIS)
        return True

    async def _changes(self, moved: Mapping[Partition, tuple[int, int]]) -> Sequence[dict[str, int]] | None:
        if not moved:
            return []
        for attempt in range(_BEHIND_TRIES):
            found = await self._cache.changes(moved)
            if not isinstance(found, Behind):
                return found
            if attempt + 1 < _BEHIND_TRIES:
                await asyncio.sleep(_BEHIND_SECONDS)
        return None


def _next_offset(members: Members) -> int:
    return int(dict(members)[NEXT_OFFSET])


def _look_at_error(task: "asyncio.Task[None]") -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, Problem):
        _log.error("the totals could not be read", exc_info=error)
