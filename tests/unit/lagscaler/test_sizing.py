from __future__ import annotations

import pytest

from lagscaler.policy.sizing import consumers_for


@pytest.mark.parametrize(
    ("loads", "consumers"),
    [
        ([0.0] * 12, 0),
        ([0.001] * 12, 1),
        ([0.2] * 12, 3),
        ([0.35] * 12, 6),
        ([0.5] * 12, 12),
        ([5.0] * 12, 12),
    ],
)
def test_even_loads_get_even_shares(loads: list[float], consumers: int) -> None:
    """12 partitions: of five or seven consumers someone has as much to do as of four or six."""
    assert consumers_for(loads, utilization=0.8, limit=12) == consumers


def test_the_formula_holds_where_partitions_are_many() -> None:
    """2,400 partitions with 24 consumers' work: 24 ÷ 0.8 = 30."""
    assert consumers_for([0.01] * 2400, utilization=0.8, limit=100) == 30


@pytest.mark.parametrize(
    ("others", "consumers"),
    [(0.0, 1), (0.2, 12)],
)
def test_a_partition_that_fills_its_reader_shares_it_only_with_idle_ones(others: float, consumers: int) -> None:
    """It can't use a second reader; the only way to read it sooner is to take its neighbours away, if they work."""
    assert consumers_for([10.0] + [others] * 11, utilization=0.8, limit=12) == consumers
