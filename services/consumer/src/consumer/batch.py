"""A batch: what becomes one transaction. Pure: records go in, rows for PostgreSQL and rejected records come out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from adclicks.click import EARLIEST, ClickEvent, decode_event, is_ip_address
from adclicks.errors import Problem


class Record(NamedTuple):
    """A Kafka record. ``timestamp_ms`` is Kafka's own, milliseconds since 1970."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int


class Row(NamedTuple):
    """A record and the line that PostgreSQL's COPY takes for it."""

    record: Record
    line: str
    received_on: date


class Reject(NamedTuple):
    """A record that can't be stored, and why."""

    record: Record
    reason: str


@dataclass(frozen=True)
class Span:
    """The offsets [begin, end) of one partition. ``missing`` of them Kafka no longer has."""

    begin: int
    end: int
    missing: int = 0


@dataclass(frozen=True)
class Batch:
    """What one transaction takes in: for each partition a span, and for each offset in it a row or a reject."""

    spans: dict[int, Span]
    rows: Sequence[Row] = ()
    rejects: Sequence[Reject] = ()

    def days(self) -> set[date]:
        """The days of receipt of its rows."""
        return {row.received_on for row in self.rows}

    def without(self, partitions: Iterable[int]) -> "Batch":
        """The same without ``partitions``."""
        gone = set(partitions)
        return Batch(
            {partition: span for partition, span in self.spans.items() if partition not in gone},
            [row for row in self.rows if row.record.partition not in gone],
            [reject for reject in self.rejects if reject.record.partition not in gone],
        )


@dataclass(frozen=True)
class Receipt:
    """What turns a record into a row: ``oldest`` and ``newest`` bound the day under which a raw click is filed.

    A sender other than ingest can write any time of receipt; unbounded it would make a table for each day of history.
    """

    oldest: date
    newest: date

    @classmethod
    def on(cls, today: date, retention_days: int) -> "Receipt":
        """The bounds for ``today``: not before the retention, not after tomorrow (clocks differ)."""
        return cls(today - timedelta(days=retention_days), today + timedelta(days=1))

    def day(self, received_at: datetime) -> date:
        """The day under which a click received then is filed."""
        return min(max(received_at.astimezone(UTC).date(), self.oldest), self.newest)


def read_record(record: Record, receipt: Receipt) -> Row | Reject:
    """The row of a record, or why there is none."""
    try:
        event = decode_event(record.value or b"")
    except Problem as problem:
        fields = "; ".join(f"{detail.field} {detail.error}" for detail in problem.details)
        return Reject(record, f"{problem.message} {fields}".strip())
    received_at = _received_at(event, record, receipt)
    received_on = receipt.day(received_at)
    return Row(record, _copy_line(event, record, received_at, received_on), received_on)


def _received_at(event: ClickEvent, record: Record, receipt: Receipt) -> datetime:
    newest = datetime.combine(receipt.newest, datetime.max.time(), UTC)
    # Both are the sender's to write; one beyond what a datetime can hold in UTC must not end the worker.
    if event.received_at is not None and EARLIEST <= event.received_at <= newest:
        return event.received_at
    return min(datetime.fromtimestamp(min(max(record.timestamp_ms / 1000, 0), newest.timestamp()), UTC), newest)


def _copy_line(event: ClickEvent, record: Record, received_at: datetime, received_on: date) -> str:
    # A name has no control characters, so the backslash alone means something to COPY.
    name = event.name.replace("\\", "\\\\")
    peer = event.peer if event.peer is not None and is_ip_address(event.peer) else "\\N"
    return (
        f"{event.click_id}\t{event.ad_id}\t{name}\t{event.ip}\t{event.timestamp.isoformat()}\t{received_at.isoformat()}\t"
        f"{received_on}\t{peer}\t{record.partition}\t{record.offset}\n"
    )


@dataclass
class BatchBuilder:
    """Collects records in the order in which Kafka gives them."""

    spans: dict[int, Span] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows) + len(self.rejects)

    def add(self, begin: int, record: Record, receipt: Receipt) -> None:
        """Takes ``record`` in; ``begin`` is the offset that was expected next: those between are missing."""
        span = self.spans.get(record.partition) or Span(begin, begin)
        missing = span.missing + record.offset - begin
        self.spans[record.partition] = Span(span.begin, record.offset + 1, missing)
        result = read_record(record, receipt)
        if isinstance(result, Row):
            self.rows.append(result)
        else:
            self.rejects.append(result)

    def forget(self, partitions: Iterable[int]) -> None:
        """Drops what came from ``partitions``: another consumer has them now."""
        kept = Batch(self.spans, self.rows, self.rejects).without(partitions)
        self.spans, self.rows, self.rejects = dict(kept.spans), list(kept.rows), list(kept.rejects)

    def take(self) -> Batch:
        """The batch so far; the builder is empty after."""
        batch = Batch(self.spans, self.rows, self.rejects)
        self.spans, self.rows, self.rejects = {}, [], []
        return batch


def split(batch: Batch) -> list[Batch]:
    """Two batches that together are ``batch``, in an order in which each begins where the ledger then stands.

    Raises ``ValueError`` for a batch of a single row: there is nothing to split.
    """
    if len(batch.rows) < 2:
        raise ValueError("a batch of one row can't be split")
    if len(batch.spans) > 1:
        half = sorted(batch.spans)[: len(batch.spans) // 2]
        rest = set(batch.spans) - set(half)
        return [batch.without(rest), batch.without(half)]
    ((partition, span),) = batch.spans.items()
    middle = sorted(row.record.offset for row in batch.rows)[len(batch.rows) // 2]
    first = _part(batch, partition, span.begin, middle)
    return [first, _part(batch, partition, middle, span.end)]


def reject_only_row(batch: Batch, reason: str) -> Batch:
    """The same offsets, with the one row that PostgreSQL refused among the rejects."""
    (row,) = batch.rows
    return Batch(batch.spans, [], [*batch.rejects, Reject(row.record, reason)])


def _part(batch: Batch, partition: int, begin: int, end: int) -> Batch:
    rows = [row for row in batch.rows if begin <= row.record.offset < end]
    rejects = [reject for reject in batch.rejects if begin <= reject.record.offset < end]
    missing = end - begin - len(rows) - len(rejects)
    return Batch({partition: Span(begin, end, missing)}, rows, rejects)
