"""What a worker knows of all totals at one reading of the ledger. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b

from analytics.counters import Counter, Counters
from analytics.listing import Change, Listing

Partition = tuple[str, int]
# A part of the tag: another form of the answer is another answer.
_FORM = "1"


@dataclass(frozen=True)
class Ledger:
    """What the totals depend on: the ledger's next offset of each partition, and the version of the ads.

    ``deletions`` counts how often ads were removed; ``stored`` are all the clicks that the ledger knows.
    """

    ads_version: int
    deletions: int
    stored: int
    next_offsets: Mapping[Partition, int]

    def at(self, next_offsets: Mapping[Partition, int]) -> "Ledger":
        """The same, of other offsets: how many clicks are stored there is not known."""
        known = dict(next_offsets) == dict(self.next_offsets)
        return replace(self, next_offsets=next_offsets, stored=self.stored if known else -1)


@dataclass(frozen=True)
class TotalsState:
    """``counters`` are changed in place by ``add`` and ``replace``: only the newest state may be moved on.

    ``difference``: by how much the totals differed from the clicks in the ledger when both were read at one moment; 0,
    unless somebody changed a table by hand.
    """

    ledger: Ledger
    counters: Counters
    listing: Listing
    difference: int

    @property
    def tag(self) -> str:
        """The same for the same totals and names, in each worker; another one for others."""
        offsets = sorted(self.ledger.next_offsets.items())
        return blake2b(repr((_FORM, self.ledger.ads_version, offsets)).encode(), digest_size=12).hexdigest()

    def leads_to(self, ledger: Ledger) -> bool:
        """Whether what was added since could make the totals at ``ledger`` out of these."""
        mine = self.ledger
        return (
            mine.next_offsets.keys() == ledger.next_offsets.keys()
            and all(offset <= ledger.next_offsets[place] for place, offset in mine.next_offsets.items())
            and mine.deletions == ledger.deletions
            and mine.ads_version <= ledger.ads_version
        )

    def adds_up(self) -> bool:
        """Whether the totals differ from the clicks in the ledger by as much as they did when they were read."""
        return self.ledger.stored < 0 or self.counters.total - self.ledger.stored == self.difference

    def unlisted(self, totals: Mapping[bytes, int]) -> list[bytes]:
        """The clicked ads of ``totals`` that are not listed."""
        found = ((ad, self.counters.get(ad)) for ad, clicks in totals.items() if clicks > 0)
        return [ad for ad, counter in found if counter is None or not counter.listed]

    def move(self, totals: Mapping[bytes, int], names: Mapping[bytes, str], ledger: Ledger) -> "TotalsState":
        """With these totals, absolute, and these names of ads that are new or renamed. Others stay as they are.

        Raises ``KeyError``, and changes nothing, where counters and listing disagree.
        """
        changes, counters = list[Change](), list[tuple[bytes, Counter]]()
        for ad in totals.keys() | names.keys():
            before = self.counters.get(ad) or Counter(0, listed=False)
            clicks, name = totals.get(ad, before.clicks), names.get(ad)
            listed = before.listed or name is not None
            if name is not None or (listed and clicks != before.clicks):
                changes.append(Change(ad, before.clicks if before.listed else None, clicks, name))
            counters.append((ad, Counter(clicks, listed)))
        listing = self.listing.apply(changes)
        for ad, counter in counters:
            self.counters.put(ad, counter)
        return TotalsState(ledger, self.counters, listing, self.difference)

    def sums(self, added: Iterable[Mapping[bytes, int]]) -> dict[bytes, int]:
        """The totals, absolute, of the ads to which something was added."""
        totals: dict[bytes, int] = {}
        for part in added:
            for ad, clicks in part.items():
                if ad not in totals:
                    known = self.counters.get(ad)
                    totals[ad] = known.clicks if known else 0
                totals[ad] += clicks
        return totals
