"""Whatever happens to clicks, names, consumers and Redis: the totals are those of the ledger that was read."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adclicks.totals_cache import NEXT_OFFSET
from analytics.counters import Counter as AdCounter
from analytics.counters import Counters
from analytics.database import Database
from analytics.listing import Change, Listing
from analytics.live_totals import REDIS, Behind, LiveTotals, Members
from analytics.totals_reader import TotalsReader
from analytics.totals_state import Ledger, Partition, TotalsState

ADS = [UUID(int=number + 1) for number in range(6)]


@dataclass
class World:
    """PostgreSQL and Redis as they would be, and ``redis``: what Redis does at this moment."""

    offsets: dict[Partition, int] = field(default_factory=lambda: {("topic", 0): 0, ("topic", 1): 0})
    entries: list[tuple[Partition, int, int, dict[str, int]]] = field(default_factory=list)
    clicks: dict[Partition, Counter[UUID]] = field(default_factory=dict)
    names: dict[UUID, str] = field(default_factory=dict)
    registered: dict[UUID, int] = field(default_factory=dict)
    version: int = 0
    deletions: int = 0
    redis: str = "well"
    loads: int = 0

    def batch(self, partition: int, ads: Sequence[UUID], *, listed: bool) -> None:
        """A consumer's transaction, and its entry."""
        place = ("topic", partition)
        since = self.offsets[place]
        self.offsets[place] = until = since + len(ads) + 1
        counted = Counter(ads)
        self.clicks.setdefault(place, Counter()).update(counted)
        self.entries.append((place, since, until, {str(ad): clicks for ad, clicks in counted.items()}))
        if listed:
            self.names |= {ad: f"seen {ad.int}" for ad in ads if ad not in self.names}

    def register(self, ad: UUID, name: str) -> None:
        """A new ad, or a new name."""
        self.version += 1
        self.names[ad], self.registered[ad] = name, self.version

    def remove(self, ad: UUID) -> None:
        """By hand: there is no call for it."""
        self.version, self.deletions = self.version + 1, self.deletions + 1
        if self.registered.pop(ad, None) is not None:
            del self.names[ad]

    def totals(self) -> Counter[UUID]:
        """By ad."""
        return sum(self.clicks.values(), Counter())

    def expected(self) -> list[dict[str, str]]:
        """The answer's rows."""
        totals = self.totals()
        listed = [ad for ad in self.names if ad in self.registered or totals[ad]]
        listed.sort(key=lambda ad: (-totals[ad], str(ad)))
        return [{"ad_id": str(ad), "name": self.names[ad], "total_clicks": str(totals[ad])} for ad in listed]


class Reader(TotalsReader):
    """Reads the world."""

    def __init__(self, world: World) -> None:
        super().__init__(Database.__new__(Database))
        self._world = world

    async def ledger(self) -> Ledger:
        world = self._world
        return Ledger(world.version, world.deletions, world.totals().total(), dict(world.offsets))

    async def load(self) -> TotalsState:
        self._world.loads += 1
        counters, changes, totals = Counters(), [], self._world.totals()
        for ad in self._world.names.keys() | totals.keys():
            listed = ad in self._world.names and (ad in self._world.registered or totals[ad] > 0)
            counters.put(ad.bytes, AdCounter(totals[ad], listed))
            if listed:
                changes.append(Change(ad.bytes, None, totals[ad], self._world.names[ad]))
        return TotalsState(await self.ledger(), counters, Listing().apply(changes), 0)

    async def names(self, ads: Sequence[bytes], after: int, until: int) -> dict[bytes, str]:
        world = self._world
        changed = [ad for ad, version in world.registered.items() if after < version <= until]
        known = [ad for ad in world.names if ad.bytes in ads]
        return {ad.bytes: world.names[ad] for ad in [*changed, *known]}


class Cache:
    """Redis, as the world has it."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def changes(self, moved: Mapping[Partition, tuple[int, int]]) -> list[dict[str, int]] | Behind | None:
        if self._world.redis == "wrong":
            return [{} for _ in moved]
        if self._world.redis == "behind":
            return Behind()
        if self._world.redis != "well":
            return None
        return [
            dict(
                sum(
                    (
                        Counter(added)
                        for at, begin, end, added in self._world.entries
                        if at == place and begin >= since and end <= until
                    ),
                    Counter(),
                )
            )
            for place, (since, until) in moved.items()
        ]

    async def sets(self, partitions: list[Partition]) -> list[Members] | None:
        if self._world.redis not in {"gap", "behind"}:
            return None
        reached = self._world.offsets if self._world.redis == "gap" else dict.fromkeys(partitions, 0)
        return [
            [
                *((str(ad).encode(), float(clicks)) for ad, clicks in self._world.clicks.get(place, Counter()).items()),
                (NEXT_OFFSET, float(reached[place])),
            ]
            for place in partitions
        ]


EVENTS = st.one_of(
    st.tuples(st.just("batch"), st.integers(0, 1), st.lists(st.sampled_from(ADS), max_size=4), st.booleans()),
    st.tuples(st.just("register"), st.sampled_from(ADS), st.text("ab", min_size=1, max_size=2)),
    st.tuples(st.just("remove"), st.sampled_from(ADS)),
    st.tuples(st.just("redis"), st.sampled_from(["well", "gap", "away", "behind", "wrong"])),
    st.tuples(st.just("partition"), st.integers(2, 4)),
    st.tuples(st.just("look")),
)


def happen(world: World, event: tuple[object, ...]) -> None:
    """Makes it so."""
    match event:
        case ("batch", int(partition), list(ads), bool(listed)):
            world.batch(partition, ads, listed=listed)
        case ("register", UUID() as ad, str(name)):
            world.register(ad, name)
        case ("remove", UUID() as ad):
            world.remove(ad)
        case ("redis", str(state)):
            world.redis = state
        case ("partition", int(number)):
            world.offsets.setdefault(("topic", number), 0)


async def shown(totals: LiveTotals) -> list[dict[str, str]]:
    """The rows of the answer."""
    answer = await totals.get()
    data: list[dict[str, str]] = json.loads(b"".join(answer.state.listing.plain().chunks))["data"]
    return data


@settings(max_examples=150)
@given(st.lists(EVENTS, max_size=25))
def test_the_answer_is_what_the_ledger_says(events: list[tuple[object, ...]]) -> None:
    """Also where Redis tells something wrong: the sum of the totals is held against the ledger."""

    async def run() -> None:
        world = World()
        totals = LiveTotals(Reader(world), Cache(world), 0.0)
        for event in [*events, ("look",)]:
            happen(world, event)
            if event[0] == "look":
                totals._fresh_until = float("-inf")
                assert await shown(totals) == world.expected()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analytics.live_totals._BEHIND_SECONDS", 0.0)
        asyncio.run(run())


async def test_what_changed_is_all_that_is_read() -> None:
    """While entries lead from one reading of the ledger to the next, nothing is loaded again."""
    world = World()
    totals = LiveTotals(Reader(world), Cache(world), 0.0)
    for number in range(20):
        world.batch(number % 2, ADS[: number % 5], listed=True)
        world.register(ADS[number % 6], str(number))
        totals._fresh_until = float("-inf")
        assert await shown(totals) == world.expected()
    assert world.loads == 1
    assert (await totals.get()).source == REDIS


async def test_all_who_ask_at_once_share_one_reading() -> None:
    """Of the ledger, and of all totals."""
    world = World()
    totals = LiveTotals(Reader(world), Cache(world), 10.0)
    answers = await asyncio.gather(*(totals.get() for _ in range(50)))
    assert world.loads == 1
    assert len({id(answer) for answer in answers}) == 1
