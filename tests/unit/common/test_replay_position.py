"""How far a replay is: everything before an offset, and what was acknowledged beyond it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adclicks.replay_position import ReplayPosition


@given(st.sets(st.integers(0, 500)), st.sets(st.integers(0, 500)))
def test_what_is_dealt_with_is_kept_exactly(offsets: set[int], settled: set[int]) -> None:
    """Read back from what Kafka keeps, every offset is dealt with or not, as it was."""
    position = ReplayPosition.after((offset, offset in settled) for offset in sorted(offsets))
    if position is None:
        assert offsets == set()
        return

    read = ReplayPosition.read(position.end, position.metadata())

    assert read == position
    assert {offset for offset in offsets if offset < read.end or offset in read.beyond} == offsets & settled


def test_too_much_to_be_kept_is_left_out() -> None:
    """Kafka would refuse the commit: then the end alone is kept."""
    position = ReplayPosition.after((offset, offset % 2 == 1) for offset in range(2_000))
    assert position is not None
    assert ReplayPosition.read(position.end, position.metadata()) == ReplayPosition(0)


def test_what_was_beyond_before_stays() -> None:
    """As far as it is not behind the new end."""
    assert ReplayPosition(5, frozenset({9})).and_beyond(frozenset({2, 7})) == ReplayPosition(5, frozenset({7, 9}))


@pytest.mark.parametrize("metadata", [None, "", "what another tool wrote", "[1]", "{}", '[["a","b"]]', "[[1]]"])
def test_metadata_that_is_not_ours_means_nothing(metadata: str | None) -> None:
    """The end alone counts."""
    assert ReplayPosition.read(7, metadata) == ReplayPosition(7)
