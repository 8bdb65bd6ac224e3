"""How many ads that nobody has registered may be listed: a ceiling an hour, so that anonymous clicks can't fill the list.

Above it clicks are counted under their ad's id as ever; the ad is listed once it is registered, or when it is clicked again
in another hour. Each Kafka partition has its share of the ceiling, so that each number has one writer: whoever holds the
partition's row of the ledger.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from consumer.batch import Span

_KNOWN = """
select ledger.kafka_partition, count(*) over (), coalesce(listed, 0) * (coalesce(hour, 'epoch') = %(hour)s)::int
from ledger left join listed_ads using (kafka_partition) where topic = %(topic)s and topic_id = %(topic_id)s
"""
# Of the new names: how many are of ads that nobody has registered. Those above the ceiling are taken out again.
_LIMIT = """
with unregistered as (
    select ad_id, row_number() over () as place from unnest(%(new)s::uuid[]) as fresh (ad_id)
    where not exists (select from ads where id = ad_id)
),
above as (
    delete from seen_ads using unregistered where seen_ads.ad_id = unregistered.ad_id and place > %(limit)s
)
select count(*) from unregistered
"""
_NOTE = """
insert into listed_ads (kafka_partition, hour, listed)
select partition, %(hour)s, listed from unnest(%(partitions)s::int[], %(listed)s::int[]) as noted (partition, listed)
order by partition
on conflict (kafka_partition) do update set hour = excluded.hour, listed = excluded.listed
"""


@dataclass(frozen=True)
class _Share:
    """A partition's: what is listed this ``hour`` of the ``limit``; true while the ledger stands at ``offset``."""

    offset: int
    hour: datetime
    listed: int
    limit: int


@dataclass(frozen=True)
class Listed:
    """``ads`` that nobody has registered were listed; ``closed``: the ceiling was reached, so new ones may be missing."""

    ads: int = 0
    closed: bool = False


class ListedAds:
    """Used within a batch's transaction, after it has locked its rows of the ledger. ``per_hour`` 0: no ceiling."""

    def __init__(
        self,
        connection: psycopg.Connection,
        topic: tuple[str, str],
        per_hour: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._per_hour = per_hour
        self._clock = clock
        self._shares: dict[int, _Share] = {}
        self._pending: dict[int, _Share] = {}

    def allowed(self, spans: Mapping[int, Span]) -> int | None:
        """How many more ads may be listed; None where there is no ceiling. Asks the database after others have written."""
        if not self._per_hour:
            return None
        hour = self._hour()
        known = {partition: self._shares.get(partition) for partition in spans}
        if any(share is None or share.offset != spans[partition].begin for partition, share in known.items()):
            self._read(spans, hour)
        return sum(_left(self._shares[partition], hour) for partition in spans)

    def limit(self, spans: Mapping[int, Span], new: Sequence[str], allowed: int | None) -> Listed:
        """Takes those of the ``new`` names out again that are above what is ``allowed``, and notes the others."""
        if allowed is None:
            return Listed()
        hour, unregistered = self._hour(), 0
        if new:
            row = self._connection.execute(_LIMIT, {"new": list(new), "limit": allowed}).fetchone()
            unregistered = row[0] if row else 0
        listed = min(unregistered, allowed)
        moved = self._moved(spans, hour, listed)
        if listed:
            columns = {"partitions": list(moved), "listed": [share.listed for share in moved.values()]}
            self._connection.execute(_NOTE, {"hour": hour, **columns})
        self._pending = moved
        return Listed(listed, closed=allowed == 0 or unregistered > allowed)

    def committed(self) -> None:
        """The transaction of the last ``limit`` is: what it noted holds."""
        self._shares |= self._pending
        self._pending = {}

    def _read(self, spans: Mapping[int, Span], hour: datetime) -> None:
        topic, topic_id = self._topic
        rows = self._connection.execute(_KNOWN, {"hour": hour, "topic": topic, "topic_id": topic_id}).fetchall()
        for partition, partitions, listed in rows:
            if partition in spans:
                limit = share_of(self._per_hour, partition, partitions)
                self._shares[partition] = _Share(spans[partition].begin, hour, listed, limit)

    def _moved(self, spans: Mapping[int, Span], hour: datetime, listed: int) -> dict[int, _Share]:
        moved = {}
        for partition in sorted(spans):
            share = self._shares[partition]
            taken = min(listed, _left(share, hour))
            listed -= taken
            before = share.listed if share.hour == hour else 0
            moved[partition] = _Share(spans[partition].end, hour, before + taken, share.limit)
        return moved

    def _hour(self) -> datetime:
        return self._clock().replace(minute=0, second=0, microsecond=0)


def share_of(per_hour: int, partition: int, partitions: int) -> int:
    """A partition's part of the ceiling; the parts of partitions 0 to ``partitions`` - 1 add up to it."""
    return per_hour // partitions + (partition % partitions < per_hour % partitions)


def _left(share: _Share, hour: datetime) -> int:
    return max(0, share.limit - (share.listed if share.hour == hour else 0))
