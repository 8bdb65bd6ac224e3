"""The audit's arithmetic."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from adclicks.audit import Row, audit

COUNTS = st.integers(0, 1_000_000)


def row(partition: int, first: int, counts: tuple[int, int, int, int, int], sums: tuple[int, int, int]) -> Row:
    """A ledger row that adds up."""
    return ("clicks", "id", partition, first, first + sum(counts), *counts, *sums)


@given(st.lists(st.tuples(COUNTS, st.tuples(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)), max_size=6))
def test_it_adds_up_when_every_offset_is_accounted_for(
    ledgers: list[tuple[int, tuple[int, int, int, int, int]]],
) -> None:
    """consumed = stored + duplicates + rejected, for each partition and in all, whatever was missing or empty."""
    stored = sum(counts[0] for _, counts in ledgers)
    duplicates = sum(counts[1] for _, counts in ledgers)
    rows = [row(number, first, counts, (stored, duplicates, stored)) for number, (first, counts) in enumerate(ledgers)]

    result = audit(rows, None)

    assert result.adds_up
    assert result.total.consumed == result.total.stored + result.total.duplicates + result.total.rejected
    assert (result.total.stored, result.total.duplicates) == (stored, duplicates)
    assert result.total.missing == sum(counts[3] for _, counts in ledgers)
    assert result.total.empty_offsets == sum(counts[4] for _, counts in ledgers)
    assert result.total.lag is None


@given(st.integers(0, 5), st.integers(-5, 5).filter(bool))
def test_any_number_that_is_off_shows(which: int, by: int) -> None:
    """A ledger column or the next offset that is wrong by a few: it no longer adds up, and its partition says so."""
    values = list(row(0, 10, (50, 20, 10, 5, 3), (50, 20, 50)))
    values[4 + which] = int(str(values[4 + which])) + by

    result = audit([tuple(values)], None)  # type: ignore[list-item]  # a tuple of the same kinds

    assert not result.adds_up
    if which in {0, 3, 4, 5}:
        assert not result.partitions[0].adds_up


def test_counters_that_disagree_with_the_ledger_show() -> None:
    """Each of them: totals, duplicates, sums by day."""
    for sums in ((49, 20, 50), (50, 21, 50), (50, 20, 51)):
        result = audit([row(0, 0, (50, 20, 10, 0, 0), sums)], None)
        assert result.partitions[0].adds_up
        assert not result.adds_up


def test_the_lag_is_what_waits_in_kafka() -> None:
    """By topic id and partition; a topic that is gone has none left; a log behind the ledger is not negative."""
    rows = [row(number, 0, (10, 0, 0, 0, 0), (40, 0, 40)) for number in range(4)]

    result = audit(rows, {("id", 0): 25, ("id", 1): 10, ("id", 2): 3, ("other", 3): 99})

    assert [item.lag for item in result.partitions] == [15, 0, 0, 0]
    assert result.total.lag == 15


def test_an_empty_ledger_adds_up() -> None:
    """Nothing was taken in yet."""
    result = audit([], {})

    assert result.adds_up
    assert result.total.consumed == 0


def test_its_json_is_in_camel_case() -> None:
    """As the API documents it."""
    document = msgspec.json.decode(msgspec.json.encode(audit([row(0, 0, (1, 0, 0, 0, 0), (1, 0, 1))], None)))

    assert set(document) == {"addsUp", "total", "partitions"}
    assert {"nextOffset", "topicId", "addsUp", "emptyOffsets", "lag"} <= set(document["partitions"][0])
