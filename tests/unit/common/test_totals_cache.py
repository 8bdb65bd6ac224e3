"""What the keys in Redis hold."""

from hypothesis import given
from hypothesis import strategies as st

from adclicks.totals_cache import NEXT_OFFSET, PartitionTotals, add_up, key, update_arguments

TOTALS = st.dictionaries(st.uuids().map(str), st.integers(0, 2**53), max_size=5)


@given(st.lists(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2**40), max_size=4), max_size=4))
def test_totals_are_the_sum_over_the_partitions(partitions: list[dict[str, int]]) -> None:
    """The member with the offset is no ad."""
    sets = [
        [*((ad.encode(), float(clicks)) for ad, clicks in totals.items()), (NEXT_OFFSET, 12.0)] for totals in partitions
    ]

    assert add_up(sets) == {
        ad: sum(totals.get(ad, 0) for totals in partitions) for ad in {ad for totals in partitions for ad in totals}
    }


@given(TOTALS, st.integers(0, 2**53), st.integers(0, 2**53))
def test_the_arguments_hold_both_offsets_and_each_total(totals: dict[str, int], since: int, following: int) -> None:
    """Score before member, as ZADD wants it."""
    arguments = update_arguments(PartitionTotals("topic", 3, following, totals, since))

    assert arguments[:2] == [since, following]
    assert dict(zip(arguments[3::2], arguments[2::2], strict=True)) == totals


def test_each_partition_of_each_topic_has_its_own_key() -> None:
    """A recreated topic starts with new ones."""
    assert len({key("one", 1), key("one", 11), key("two", 1)}) == 3
