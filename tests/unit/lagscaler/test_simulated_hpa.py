"""The simulated HPA does what Kubernetes documents of the real one."""

from __future__ import annotations

import pytest

from lagscaler.simulate.hpa import HorizontalPodAutoscaler, average_value, utilization


@pytest.mark.parametrize(
    ("metric", "current", "replicas"),
    [(5, 1, 5), (5, 5, 5), (21, 20, 20), (23, 20, 23), (19, 20, 20), (17, 20, 17), (0, 3, 0), (4, 0, 4)],
)
def test_an_average_value_is_metric_over_target_beyond_the_tolerance(metric: int, current: int, replicas: int) -> None:
    """With the target 1 the metric is the number of replicas; within 10 % of what is there, nothing changes."""
    assert average_value(metric, 1.0, current) == replicas


def test_scaling_up_is_limited_to_four_pods_or_double_a_period() -> None:
    """From 1 towards 12 with the default policies: 5, 10, 12."""
    pool, replicas, seen = HorizontalPodAutoscaler(1, 12), 1, []
    for second in (0, 15, 30, 45):
        replicas = pool.replicas(second, replicas, 12)
        seen.append(replicas)
    assert seen == [5, 10, 12, 12]


def test_scaling_down_waits_for_the_highest_of_the_last_five_minutes() -> None:
    """A low number takes effect when no higher one is younger than 300 s."""
    pool = HorizontalPodAutoscaler(1, 12)
    assert pool.replicas(0, 8, 8) == 8
    assert {pool.replicas(second, 8, 2) for second in range(15, 300, 15)} == {8}
    assert pool.replicas(300, 8, 2) == 2


def test_a_metric_that_fails_changes_nothing() -> None:
    """Neither up nor down, for however long."""
    pool = HorizontalPodAutoscaler(1, 12)
    assert {pool.replicas(second, 7, None) for second in range(0, 3600, 15)} == {7}


def test_the_minimum_and_the_maximum_hold() -> None:
    """Whatever is proposed."""
    assert HorizontalPodAutoscaler(2, 6).replicas(0, 4, 100) == 6
    pool = HorizontalPodAutoscaler(2, 6)
    pool.replicas(0, 2, 2)
    assert pool.replicas(600, 2, 0) == 2


@pytest.mark.parametrize(
    ("used", "starting", "replicas"),
    [([1.0, 1.0], 0, 3), ([0.8, 0.8], 0, 2), ([0.2, 0.2], 0, 1), ([1.0, 1.0], 2, 4), ([], 3, None)],
)
def test_cpu_counts_starting_pods_as_idle_on_the_way_up(used: list[float], starting: int, replicas: int | None) -> None:
    """So that the pods that are on their way are not asked for again."""
    assert utilization(used, starting, 0.75, len(used) + starting) == replicas
