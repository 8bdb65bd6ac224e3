"""A batch accounts for every offset, whatever Kafka hands out and whatever PostgreSQL refuses."""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.batch import (
    Batch,
    BatchBuilder,
    Receipt,
    Record,
    Reject,
    Row,
    Span,
    place_of,
    read_record,
    reject_rows,
    split,
)
from testbed.clicks import EXAMPLE, encode, new_click

TODAY = date(2026, 3, 1)
RECEIPT = Receipt.on(TODAY)
GOOD, BAD = encode(EXAMPLE), b"not a click"


def row_of(click: dict[str, Any], timestamp_ms: int = 0) -> tuple[Row, list[Any]]:
    """The row of a click, and its columns."""
    row = read_record(Record(3, 7, b"key", encode(click), timestamp_ms), RECEIPT)
    assert isinstance(row, Row)
    return row, json.loads(b"[%b]" % row.line.rstrip(b"\n"))


@st.composite
def logs(draw: st.DrawFn) -> list[tuple[int, Record]]:
    """What a source hands out: per partition a chain of records with gaps, interleaved with those of others."""
    chains: list[list[tuple[int, Record]]] = []
    for partition in range(draw(st.integers(1, 4))):
        offset = draw(st.integers(0, 50))
        chain = []
        for _ in range(draw(st.integers(0, 8))):
            gap = draw(st.sampled_from([0, 0, 0, 1, 5]))
            value = draw(st.sampled_from([GOOD, GOOD, BAD]))
            chain.append((offset, Record(partition, offset + gap, None, value, 0)))
            offset += gap + 1
        chains.append(chain)
    merged = []
    while any(chains):
        chain = draw(st.sampled_from([chain for chain in chains if chain]))
        merged.append(chain.pop(0))
    return merged


def build(log: Iterable[tuple[int, Record]]) -> Batch:
    """The batch of all of it."""
    builder = BatchBuilder()
    for begin, record in log:
        builder.add(begin, record, RECEIPT)
    return builder.take()


def records_of(batch: Batch) -> list[Record]:
    """Of its rows and of its rejects."""
    return [row.record for row in batch.rows] + [reject.record for reject in batch.rejects]


def assert_accounts_for_every_offset(batch: Batch) -> None:
    """In each span every offset is a row, a reject, or empty; and nothing lies outside of the spans."""
    for partition, span in batch.spans.items():
        inside = [record.offset for record in records_of(batch) if record.partition == partition]
        assert len(inside) == len(set(inside))
        assert all(span.begin <= offset < span.end for offset in inside)
        assert span.end - span.begin == len(inside) + span.empty
    assert {record.partition for record in records_of(batch)} <= set(batch.spans)


@given(logs())
def test_every_offset_is_accounted_for(log: list[tuple[int, Record]]) -> None:
    """Good, bad and empty ones; a span begins at the first offset that was expected and ends after the last record."""
    batch = build(log)

    assert_accounts_for_every_offset(batch)
    assert len(batch.rows) + len(batch.rejects) == len(log)
    for partition, span in batch.spans.items():
        own = [(begin, record.offset) for begin, record in log if record.partition == partition]
        assert (span.begin, span.end) == (own[0][0], own[-1][1] + 1)


@given(logs(), st.sets(st.integers(0, 3)))
def test_partitions_that_others_have_now_are_forgotten(log: list[tuple[int, Record]], gone: set[int]) -> None:
    """As if their records had never come, in the builder as in a batch; the builder goes on with the others."""
    builder = BatchBuilder()
    for begin, record in log:
        builder.add(begin, record, RECEIPT)
    whole = build(log)

    builder.forget(gone)

    assert len(builder) == sum(record.partition not in gone for _, record in log)
    batch = builder.take()
    assert batch == build([item for item in log if item[1].partition not in gone]) == whole.without(gone)
    assert len(builder) == 0
    assert builder.take() == Batch({}, [], [])


@given(logs())
def test_split_until_each_row_is_alone(log: list[tuple[int, Record]]) -> None:
    """The parts are the whole, in an order in which each partition's spans follow one another; it comes to an end."""
    whole = build(log)
    todo, done = [whole], []
    while todo:
        part = todo.pop()
        assert_accounts_for_every_offset(part)
        if len(part.rows) < 2:
            done.append(part)
        else:
            todo += reversed(split(part))

    stands = {partition: span.begin for partition, span in whole.spans.items()}
    for part in done:
        for partition, span in part.spans.items():
            assert span.begin == stands[partition]
            stands[partition] = span.end
    assert stands == {partition: span.end for partition, span in whole.spans.items()}
    assert sorted(row for part in done for row in part.rows) == sorted(whole.rows)
    assert sorted(reject for part in done for reject in part.rejects) == sorted(whole.rejects)
    assert sum(span.empty for part in done for span in part.spans.values()) == sum(
        span.empty for span in whole.spans.values()
    )


def test_offsets_without_a_record_make_a_batch_of_their_own() -> None:
    """A partition that ends with the marker of a transaction is read to its end; nothing of it is a row."""
    builder = BatchBuilder()
    builder.skip(0, 4, 6)

    assert builder
    assert len(builder) == 0
    assert builder.take() == Batch({0: Span(4, 6, empty=2)}, [], [])
    assert not builder


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 2, 1, 3), (2, 3, 1, 0), (2, 1, 0, 3)])
def test_the_order_in_which_records_and_empty_offsets_are_told_is_no_matter(order: tuple[int, ...]) -> None:
    """A poll gives its records first: the span and its counts are the same."""
    builder = BatchBuilder()
    steps = (
        lambda: builder.skip(0, 0, 1),
        lambda: builder.skip(0, 2, 3),
        lambda: builder.add(1, Record(0, 1, None, GOOD, 0), RECEIPT),
        lambda: builder.skip(0, 4, 5),
    )
    builder.add(3, Record(0, 3, None, GOOD, 0), RECEIPT)
    for step in order:
        steps[step]()

    batch = builder.take()

    assert batch.spans == {0: Span(0, 5, empty=3)}
    assert_accounts_for_every_offset(batch)


def test_a_single_row_can_t_be_split() -> None:
    """There is nothing to split."""
    batch = build([(0, Record(0, 0, None, GOOD, 0)), (1, Record(0, 1, None, BAD, 0))])
    with pytest.raises(ValueError, match="one row"):
        split(batch)


@given(logs(), st.randoms(use_true_random=False))
def test_refused_rows_become_rejects_and_no_offset_is_lost(log: list[tuple[int, Record]], random: Random) -> None:
    """Each with its own reason, at the same offsets; the others stay rows."""
    batch = build(log)
    places = [place_of(row.record) for row in batch.rows]
    reasons = {place: f"no {place}" for place in places if random.random() < 0.5}

    rest = reject_rows(batch, reasons)

    assert_accounts_for_every_offset(rest)
    assert rest.spans == batch.spans
    assert [place_of(row.record) for row in rest.rows] == [place for place in places if place not in reasons]
    refused = rest.rejects[len(batch.rejects) :]
    assert {place_of(reject.record): reject.reason for reject in refused} == reasons


def test_a_record_that_is_no_click_is_rejected_with_every_reason() -> None:
    """A missing value, too (a tombstone)."""
    for value in (None, b"", BAD, b"{}"):
        result = read_record(Record(0, 0, None, value, 0), RECEIPT)
        assert isinstance(result, Reject)
    assert isinstance(result, Reject)
    assert all(field in result.reason for field in EXAMPLE)


@pytest.mark.parametrize(
    ("field", "sent", "written"),
    [
        ("timestamp", "2025-09-06T00:37:45.123+16:00", "2025-09-05T08:37:45.123000Z"),
        ("timestamp", "2025-09-06T00:37:45.9999999-23:59", "2025-09-07T00:36:46Z"),
        ("timestamp", "2025-09-06t00:37:45z", "2025-09-06T00:37:45Z"),
        ("received_at", "2026-03-01T12:00:00+23:59", "2026-02-28T12:01:00Z"),
        ("ip", "2001:0DB8:0:0:0:0:0:0001", "2001:db8::1"),
        ("ip", "::FFFF:192.0.2.7", "::ffff:192.0.2.7"),
        ("peer", "2001:DB8::", "2001:db8::"),
        ("clickId", EXAMPLE["clickId"].upper(), EXAMPLE["clickId"]),
        ("ad_id", EXAMPLE["ad_id"].replace("-", ""), EXAMPLE["ad_id"]),
    ],
)
def test_postgresql_gets_one_spelling_of_each_value(field: str, sent: str, written: str) -> None:
    """Never the sender's own: PostgreSQL refuses some that ingest accepts, and an acknowledged click would be lost."""
    column = {"clickId": 0, "ad_id": 1, "ip": 3, "timestamp": 4, "received_at": 5, "peer": 7}[field]

    _, columns = row_of({**EXAMPLE, field: sent})

    assert columns[column] == written


@pytest.mark.parametrize("name", ["\\N", "\\.", "a\\", '"', 'a","b', "null", "\u2028", "点🦆", "{}", "'"])
def test_a_name_stays_what_it_is(name: str) -> None:
    """Whatever it has that means something to a line of COPY."""
    row, columns = row_of(new_click(name=name))

    assert columns[2] == name
    assert b"\n" not in row.line.rstrip(b"\n")


def test_a_row_has_the_place_of_its_record() -> None:
    """Partition and offset, by which a raw click can be found in Kafka."""
    _, columns = row_of(new_click())

    assert columns[-2:] == [3, 7]


@pytest.mark.parametrize(
    ("received_at", "timestamp_ms", "kept"),
    [
        ("2026-02-28T23:59:59.999999Z", 0, "2026-02-28T23:59:59.999999Z"),
        ("2026-03-01T00:30:00+01:00", 0, "2026-02-28T23:30:00Z"),
        # Older than the retention: a replayed record. Its raw click is kept from today on like any other.
        ("2025-01-01T00:00:00Z", 0, "2025-01-01T00:00:00Z"),
        # Clocks differ by less than a day; what is further ahead is the sender's mistake, and Kafka's own time counts.
        ("2026-03-02T23:59:59Z", 0, "2026-03-02T23:59:59Z"),
        ("2026-03-03T00:00:00Z", 1_772_323_200_000, "2026-03-01T00:00:00Z"),
        (None, 1_772_323_200_000, "2026-03-01T00:00:00Z"),
        # Neither can be believed.
        ("9999-12-31T23:59:59-12:00", 2**62, "2026-03-02T23:59:59.999999Z"),
        ("0001-01-01T00:00:00+14:00", -5, "1970-01-01T00:00:00Z"),
    ],
)
def test_a_click_is_filed_under_the_day_on_which_it_is_stored(
    received_at: str | None, timestamp_ms: int, kept: str
) -> None:
    """Whatever time of receipt its sender writes: that time is kept beside it, within bounds."""
    row, columns = row_of(new_click(received_at=received_at), timestamp_ms)

    assert row.received_on == TODAY
    assert columns[6] == TODAY.isoformat()
    assert datetime.fromisoformat(columns[5]) == datetime.fromisoformat(kept)


@given(st.datetimes(timezones=st.timezones()), st.integers(-(2**62), 2**62))
def test_no_time_of_receipt_ends_the_worker(received_at: datetime, timestamp_ms: int) -> None:
    """For any time that can be written."""
    row = read_record(Record(0, 0, None, encode(new_click(received_at=received_at.isoformat())), timestamp_ms), RECEIPT)

    assert isinstance(row, Row | Reject)
    if isinstance(row, Row):
        assert row.received_on == TODAY


@pytest.mark.parametrize(
    ("peer", "kept"), [("192.0.2.7", "192.0.2.7"), ("::1", "::1"), ("fe80::1%eth0", None), ("x", None), (None, None)]
)
def test_an_address_that_postgresql_would_refuse_is_left_out(peer: str | None, kept: str | None) -> None:
    """The click counts all the same."""
    _, columns = row_of(new_click(peer=peer))

    assert columns[7] == kept


def test_the_days_of_a_batch_are_those_of_its_rows() -> None:
    """Each has a table to go into; a batch that is being filled at midnight has two."""
    builder = BatchBuilder()
    for offset, day in enumerate((20, 21, 20)):
        builder.add(offset, Record(0, offset, None, GOOD, 0), Receipt.on(date(2026, 2, day)))
    batch = builder.take()

    assert batch.days() == {date(2026, 2, 20), date(2026, 2, 21)}
    assert batch.spans == {0: Span(0, 3)}
    assert RECEIPT.latest == datetime(2026, 3, 2, 23, 59, 59, 999_999, tzinfo=UTC)
