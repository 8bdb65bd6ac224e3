"""The audit: does every offset that was consumed stand for a click stored, a duplicate, or a rejected record?

Pure: the rows come from ``AUDIT_SQL`` (one statement, so one snapshot), the ends of the log from Kafka.
"""

from collections.abc import Iterable, Mapping

import msgspec

AUDIT_SQL = """
with counted as (
    select kafka_partition, sum(clicks)::bigint as clicks, sum(duplicates)::bigint as duplicates
    from ad_totals group by kafka_partition
)
select
    topic, topic_id, kafka_partition, first_offset, next_offset, stored, duplicates, rejected, missing, empty_offsets,
    (select coalesce(sum(clicks), 0)::bigint from counted) as counted_clicks,
    (select coalesce(sum(duplicates), 0)::bigint from counted) as counted_duplicates,
    (select coalesce(sum(clicks), 0)::bigint from clicks_by_day) as summed_clicks
from ledger order by started_at, topic, topic_id, kafka_partition
"""


class PartitionAudit(msgspec.Struct, frozen=True, rename="camel"):
    """One partition's ledger. All but ``lag`` count records; ``lag`` is None where Kafka could not be asked.

    ``missing`` counts offsets that Kafka's retention took before a consumer could read them, ``empty_offsets`` those that
    hold no record: the markers of transactions, records of aborted ones, compacted records.
    """

    topic: str
    topic_id: str
    partition: int
    first_offset: int
    next_offset: int
    consumed: int
    stored: int
    duplicates: int
    rejected: int
    missing: int
    empty_offsets: int
    lag: int | None
    adds_up: bool


class Totals(msgspec.Struct, frozen=True, rename="camel"):
    """The sums over all partitions, and beside them what the counters say."""

    consumed: int
    stored: int
    duplicates: int
    rejected: int
    missing: int
    empty_offsets: int
    lag: int | None
    counted_clicks: int
    counted_duplicates: int
    summed_clicks: int


class Audit(msgspec.Struct, frozen=True, rename="camel"):
    """``adds_up`` is true when consumed = stored + duplicates + rejected everywhere and every counter agrees."""

    adds_up: bool
    total: Totals
    partitions: list[PartitionAudit]


Row = tuple[str, str, int, int, int, int, int, int, int, int, int, int, int]


def audit(rows: Iterable[Row], ends: Mapping[tuple[str, int], int] | None) -> Audit:
    """``rows`` of ``AUDIT_SQL``; ``ends``: the next offset to be written of each (topic id, partition), None if unknown."""
    rows = list(rows)
    partitions = [_partition(row, ends) for row in rows]
    counted_clicks, counted_duplicates, summed_clicks = rows[0][10:] if rows else (0, 0, 0)
    lags = [item.lag for item in partitions if item.lag is not None]
    total = Totals(
        consumed=sum(item.consumed for item in partitions),
        stored=sum(item.stored for item in partitions),
        duplicates=sum(item.duplicates for item in partitions),
        rejected=sum(item.rejected for item in partitions),
        missing=sum(item.missing for item in partitions),
        empty_offsets=sum(item.empty_offsets for item in partitions),
        lag=None if ends is None else sum(lags),
        counted_clicks=counted_clicks,
        counted_duplicates=counted_duplicates,
        summed_clicks=summed_clicks,
    )
    counters_agree = (total.stored, total.duplicates, total.stored) == (
        counted_clicks,
        counted_duplicates,
        summed_clicks,
    )
    return Audit(counters_agree and all(item.adds_up for item in partitions), total, partitions)


def _partition(row: Row, ends: Mapping[tuple[str, int], int] | None) -> PartitionAudit:
    topic, topic_id, partition, first, following, stored, duplicates, rejected, missing, empty = row[:10]
    consumed = following - first - missing - empty
    # A topic that was deleted has no end any more: nothing of it is left to wait for.
    lag = None if ends is None else max(0, ends.get((topic_id, partition), following) - following)
    return PartitionAudit(
        topic=topic,
        topic_id=topic_id,
        partition=partition,
        first_offset=first,
        next_offset=following,
        consumed=consumed,
        stored=stored,
        duplicates=duplicates,
        rejected=rejected,
        missing=missing,
        empty_offsets=empty,
        lag=lag,
        adds_up=consumed == stored + duplicates + rejected,
    )
