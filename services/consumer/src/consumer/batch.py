"""A batch: what becomes one transaction. Pure: records go in, rows for PostgreSQL and rejected records come out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import msgspec

from adclicks.click import EARLIEST, ClickEvent, canonical_address, decode_event, is_ip_address
from adclicks.errors import Problem

_encode_json = msgspec.json.Encoder().encode


class Record(NamedTuple):
    """A Kafka record. ``timestamp_ms`` is Kafka's own, milliseconds since 1970."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int


Place = tuple[int, int]


def place_of(record: Record) -> Place:
    """Its partition and offset."""
    return record.partition, record.offset


class Row(NamedTuple):
    """A record and the line that PostgreSQL's COPY takes for it."""

    record: Record
    line: bytes
    received_on: date


class Reject(NamedTuple):
    """A record that can't be stored, and why."""

    record: Record
    reason: str


@dataclass(frozen=True)
class Span:
    """The offsets [begin, end) of one partition. ``empty`` of them hold no record: see ``BatchBuilder.skip``."""

    begin: int
    end: int
    empty: int = 0


@dataclass(frozen=True)
class Batch:
    """What one transaction takes in: for each partition a span, and for each offset in it a row, a reject, or no record."""

    spans: dict[int, Span]
    rows: Sequence[Row] = ()
    rejects: Sequence[Reject] = ()

    def days(self) -> set[date]:
        """The days under which its rows are filed: two at midnight."""
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
    """What turns a record into a row: the day under which raw clicks are filed, and the latest time of receipt.

    The day is the one on which they are stored, whatever the sender wrote: the retention runs from it. Filed by the time of
    receipt, the raw click of a replayed record would go into a table that is dropped within minutes.
    ``latest`` is the end of tomorrow, because clocks differ; a later time is the sender's mistake.
    """

    today: date
    latest: datetime

    @classmethod
    def on(cls, today: date) -> "Receipt":
        """For what is stored on ``today`` (UTC)."""
        return cls(today, datetime.combine(today + timedelta(days=1), datetime.max.time(), UTC))


def read_record(record: Record, receipt: Receipt) -> Row | Reject:
    """The row of a record, or why there is none."""
    try:
        event = decode_event(record.value or b"")
    except Problem as problem:
        fields = "; ".join(f"{detail.field} {detail.error}" for detail in problem.details)
        return Reject(record, f"{problem.message} {fields}".strip())
    received_at = _received_at(event, record, receipt)
    return Row(record, _copy_line(event, record, received_at, receipt.today), receipt.today)


def _received_at(event: ClickEvent, record: Record, receipt: Receipt) -> datetime:
    """In UTC."""
    # Both are the sender's to write; one beyond what a datetime can hold in UTC must not end the worker.
    received_at = event.received_at
    if received_at is not None and EARLIEST <= received_at <= receipt.latest:
        return received_at if received_at.tzinfo is UTC else received_at.astimezone(UTC)
    seconds = min(max(record.timestamp_ms / 1000, 0), receipt.latest.timestamp())
    return min(datetime.fromtimestamp(seconds, UTC), receipt.latest)


def _copy_line(event: ClickEvent, record: Record, received_at: datetime, received_on: date) -> bytes:
    # A JSON array without its brackets is a line of CSV, with a backslash as the escape: a name has no control characters,
    # so nothing else is escaped in it. Made in C, it costs a sixth of formatting each value in Python.
    # Each value is ours, made from what was parsed. Of the sender's own text PostgreSQL refuses some that ingest has
    # acknowledged, such as an offset of +16:00, and that click would be lost.
    ip, peer, clicked_at = event.ip, event.peer, event.timestamp
    if ":" in ip:
        ip = canonical_address(ip)
    if peer is not None:
        peer = canonical_address(peer) if is_ip_address(peer) else None
    if clicked_at.tzinfo is not UTC:
        clicked_at = clicked_at.astimezone(UTC)
    values = (
        event.click_id,
        event.ad_id,
        event.name,
        ip,
        clicked_at,
        received_at,
        received_on,
        peer,
        record.partition,
        record.offset,
    )
    return _encode_json(values)[1:-1]


class BatchBuilder:
    """Collects records in the order in which Kafka gives them."""

    def __init__(self) -> None:
        self._begins: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._empty: dict[int, int] = {}
        self._rows: list[Row] = []
        self._rejects: list[Reject] = []

    def __len__(self) -> int:
        return len(self._rows) + len(self._rejects)

    def __bool__(self) -> bool:
        # Offsets without a record have to be written, too, or the partition never seems to be read to its end.
        return bool(self._begins)

    def skip(self, partition: int, begin: int, end: int) -> None:
        """The offsets [begin, end) hold no record: the markers of transactions, records of aborted ones, compacted records."""
        # It may be told after a record behind it.
        self._begins[partition] = min(begin, self._begins.get(partition, begin))
        self._empty[partition] = self._empty.get(partition, 0) + end - begin
        self._ends[partition] = max(end, self._ends.get(partition, end))

    def add(self, begin: int, record: Record, receipt: Receipt) -> None:
        """Takes ``record`` in; ``begin`` is the offset that was expected next: those between are empty."""
        partition, offset = record.partition, record.offset
        if partition not in self._begins:
            self._begins[partition] = begin
        if offset != begin:
            self._empty[partition] = self._empty.get(partition, 0) + offset - begin
        self._ends[partition] = offset + 1
        result = read_record(record, receipt)
        if type(result) is Row:
            self._rows.append(result)
        elif type(result) is Reject:
            self._rejects.append(result)

    def forget(self, partitions: Iterable[int]) -> None:
        """Drops what came from ``partitions``: another consumer has them now."""
        gone = set(partitions)
        for by_partition in (self._begins, self._ends, self._empty):
            for partition in gone:
                by_partition.pop(partition, None)
        self._rows = [row for row in self._rows if row.record.partition not in gone]
        self._rejects = [reject for reject in self._rejects if reject.record.partition not in gone]

    def take(self) -> Batch:
        """The batch so far; the builder is empty after."""
        spans = {p: Span(begin, self._ends[p], self._empty.get(p, 0)) for p, begin in self._begins.items()}
        batch = Batch(spans, self._rows, self._rejects)
        self._begins, self._ends, self._empty = {}, {}, {}
        self._rows, self._rejects = [], []
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


def reject_rows(batch: Batch, reasons: Mapping[Place, str]) -> Batch:
    """The same offsets, with the rows that PostgreSQL refused (``reasons`` by place) among the rejects."""
    refused = [
        Reject(row.record, reasons[place_of(row.record)]) for row in batch.rows if place_of(row.record) in reasons
    ]
    rows = [row for row in batch.rows if place_of(row.record) not in reasons]
    return Batch(batch.spans, rows, [*batch.rejects, *refused])


def _part(batch: Batch, partition: int, begin: int, end: int) -> Batch:
    rows = [row for row in batch.rows if begin <= row.record.offset < end]
    rejects = [reject for reject in batch.rejects if begin <= reject.record.offset < end]
    empty = end - begin - len(rows) - len(rejects)
    return Batch({partition: Span(begin, end, empty)}, rows, rejects)
