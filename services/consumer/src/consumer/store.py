"""The transaction: a batch into PostgreSQL, or nothing of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources import files

import psycopg

from consumer.batch import Batch, Span
from consumer.days import create_days, partitions
from consumer.listing import Listed, ListedAds

_STAGING = """
create temporary table if not exists staging (
    click_id uuid not null, ad_id uuid not null, name text not null, ip inet not null, clicked_at timestamptz not null,
    received_at timestamptz not null, received_on date not null, peer inet,
    kafka_partition integer not null, kafka_offset bigint not null
) on commit delete rows
"""
# What ``batch`` writes as a row's line.
COPY = r"""copy staging from stdin (format csv, escape '\', null 'null')"""
# A transaction that waits longer than this for another's lock, or for its own statement, is retried from its start.
_SESSION = "set statement_timeout = '60s'; set lock_timeout = '30s'; set idle_in_transaction_session_timeout = '60s'"
# The staging table has no statistics: without this the planner joins thousands of rows in nested loops.
# Its one parameter changes nothing about the best plan, which is made once.
_PLANNER = "set enable_nestloop = off; set jit = off; set plan_cache_mode = force_generic_plan"

_ByAd = dict[int, dict[str, int]]


class LedgerMoved(Exception):
    """The batch does not begin where the ledger stands: another consumer has written. Drop it and ask the ledger again."""

    def __init__(self, partitions: Iterable[int]) -> None:
        self.partitions = frozenset(partitions)
        super().__init__(f"the ledger has moved on for partitions {sorted(self.partitions)}")


@dataclass(frozen=True)
class Topic:
    """A topic, and the id that tells it from another one of that name."""

    name: str
    id: str


@dataclass(frozen=True)
class Written:
    """What a transaction did. ``totals``: by partition, each ad that the batch touched and its clicks, absolute.

    ``begins`` and ``added``: the offset that each partition's part began at, and the clicks that it added to each ad.
    ``listed``: what became of ads that were new.
    """

    next_offsets: Mapping[int, int]
    totals: Mapping[int, Mapping[str, int]]
    stored: int
    duplicates: int
    rejected: int
    begins: Mapping[int, int]
    added: Mapping[int, Mapping[str, int]]
    listed: Listed


class Store:
    """Writes batches over one connection, which must be in autocommit mode.

    ``unregistered_per_hour``: how many ads that nobody has registered are listed in an hour; 0: no ceiling.
    Raises ``psycopg.Error``; after one that ended the connection, make another.
    """

    def __init__(self, connection: psycopg.Connection, topic: Topic, unregistered_per_hour: int = 0) -> None:
        if not connection.autocommit:
            # A read outside of `transaction()` would open one that nobody commits, and the next batch would sit inside it.
            raise ValueError("the connection must be in autocommit mode")
        self._connection = connection
        self._topic = topic
        self._known_days: set[date] = set()
        self._listed_ads = ListedAds(connection, (topic.name, topic.id), unregistered_per_hour)
        self._statement = (files("consumer") / "store.sql").read_text().encode()
        with connection.transaction():
            connection.execute(_SESSION)
            connection.execute(_PLANNER)
            connection.execute(_STAGING)

    @property
    def connection(self) -> psycopg.Connection:
        """The connection, for reading; it is in no transaction between two writes."""
        return self._connection

    def write(self, batch: Batch) -> Written:
        """Takes ``batch`` in. Raises ``LedgerMoved``; nothing is written then."""
        self._ensure_days(batch.days() - self._known_days)
        with self._connection.transaction():
            self._require_ledger_at(batch.spans)
            allowed = self._listed_ads.allowed(batch.spans)
            totals, added, consumed, new_ads = self._write_rows(batch, names=allowed != 0)
            listed = self._listed_ads.limit(batch.spans, new_ads, allowed)
            fresh = {partition: sum(clicks.values()) for partition, clicks in added.items()}
            rejected = _count_by_partition(batch)
            self._move_ledger(batch.spans, fresh, consumed, rejected)
        self._listed_ads.committed()
        stored = sum(fresh.values())
        return Written(
            {partition: span.end for partition, span in batch.spans.items()},
            totals,
            stored,
            sum(consumed.values()) - stored,
            len(batch.rejects),
            {partition: span.begin for partition, span in batch.spans.items()},
            added,
            listed,
        )

    def forget_days(self) -> None:
        """A day's table that was there may have been dropped: make it again at the next write."""
        self._known_days.clear()

    def _require_ledger_at(self, spans: Mapping[int, Span]) -> None:
        rows = self._connection.execute(
            "select kafka_partition, next_offset from ledger where topic = %s and topic_id = %s "
            "and kafka_partition = any(%s) order by kafka_partition for update",
            (self._topic.name, self._topic.id, list(spans)),
        ).fetchall()
        following: dict[int, int] = dict(rows)
        moved = [partition for partition, span in spans.items() if following.get(partition) != span.begin]
        if moved:
            raise LedgerMoved(moved)

    def _write_rows(self, batch: Batch, *, names: bool) -> tuple[_ByAd, _ByAd, dict[int, int], list[str]]:
        totals: _ByAd = {partition: {} for partition in batch.spans}
        added: _ByAd = {partition: {} for partition in batch.spans}
        consumed = dict.fromkeys(batch.spans, 0)
        new_ads: list[str] = []
        if not batch.rows:
            return totals, added, consumed, new_ads
        with self._connection.cursor() as cursor:
            with cursor.copy(COPY) as copy:
                copy.write(b"\n".join([row.line for row in batch.rows]))
            cursor.execute(self._statement, (names,), prepare=True)
            for partition, ad_id, clicks, new, all_of_it in cursor:
                if partition is None:
                    new_ads.append(ad_id)
                    continue
                totals[partition][ad_id] = clicks
                if new:
                    added[partition][ad_id] = new
                consumed[partition] += all_of_it
        return totals, added, consumed, new_ads

    def _move_ledger(
        self,
        spans: Mapping[int, Span],
        fresh: Mapping[int, int],
        consumed: Mapping[int, int],
        rejected: Mapping[int, int],
    ) -> None:
        columns = zip(
            *(
                (p, span.end, fresh[p], consumed[p] - fresh[p], rejected.get(p, 0), span.empty)
                for p, span in spans.items()
            ),
            strict=True,
        )
        self._connection.execute(
            "update ledger set next_offset = moved.next_offset, stored = ledger.stored + moved.stored, "
            "duplicates = ledger.duplicates + moved.duplicates, rejected = ledger.rejected + moved.rejected, "
            "empty_offsets = ledger.empty_offsets + moved.empty_offsets, updated_at = now() "
            "from unnest(%s::int[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]) "
            "as moved (kafka_partition, next_offset, stored, duplicates, rejected, empty_offsets) "
            "where topic = %s and topic_id = %s and ledger.kafka_partition = moved.kafka_partition",
            (*(list(column) for column in columns), self._topic.name, self._topic.id),
        )

    def _ensure_days(self, days: set[date]) -> None:
        # Upkeep makes them a week ahead; this is for a database that it has not seen yet. A default partition takes all rows.
        if days and not partitions(self._connection).has_default:
            create_days(self._connection, days)
        self._known_days |= days


def _count_by_partition(batch: Batch) -> dict[int, int]:
    counts: dict[int, int] = {}
    for reject in batch.rejects:
        counts[reject.record.partition] = counts.get(reject.record.partition, 0) + 1
    return counts
