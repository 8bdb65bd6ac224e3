"""How fast a consumer is: what counts as evidence and what does not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lagscaler.policy.rates import ConsumerRate

if TYPE_CHECKING:
    from tests.unit.lagscaler.conftest import Pipeline, Pipelines


def rate(pool: Pipeline) -> float:
    assert pool.state is not None
    return pool.state.rate.per_second


def test_a_wrong_first_guess_is_corrected_within_two_minutes_of_work(pipelines: Pipelines) -> None:
    """Configured 100/s, really 50/s: two consumers with a backlog on two partitions each."""
    pool = pipelines(backlog=10**6)
    pool.plan()
    for _ in range(24):
        pool.pass_seconds(5, arrive=30, read=25)
    assert rate(pool) == pytest.approx(50, rel=0.1)


def test_consumers_that_keep_up_teach_nothing(pipelines: Pipelines) -> None:
    """They read what comes, however little: that is the topic's rate and not theirs."""
    pool = pipelines()
    pool.plan()
    for _ in range(100):
        pool.pass_seconds(5, arrive=3, read=50)
    assert rate(pool) == 100.0


def test_a_consumer_that_came_to_the_end_on_the_way_was_not_busy_throughout(pipelines: Pipelines) -> None:
    """At both looks there is lag, but all that was there at the first has been read: it may have waited in between."""
    pool = pipelines(backlog=100)
    pool.plan()
    for _ in range(20):
        pool.pass_seconds(15, arrive=10, read=10)
    assert rate(pool) == 100.0


def test_a_pause_is_no_slowness(pipelines: Pipelines) -> None:
    """Consumers that stand still for ten minutes are as fast as before."""
    pool = pipelines(backlog=10**6)
    pool.plan()
    for _ in range(120):
        pool.pass_seconds(5, arrive=10, read=0)
    assert rate(pool) == 100.0


def test_an_outage_of_kafka_is_no_slowness(pipelines: Pipelines) -> None:
    """What was committed just before it and is seen only after it was not read over two minutes."""
    pool = pipelines(backlog=10**6)
    pool.plan()
    pool.pass_seconds(5, read=50)
    for _ in range(8):
        pool.now += 5
        pool.plan_without_kafka()
    pool.pass_seconds(5, read=50)
    assert rate(pool) == 100.0


def test_consumers_that_are_looked_at_once_a_minute_are_learned_of(pipelines: Pipelines) -> None:
    """As LOOK_SECONDS allows where nobody asks in between: a long interval is not one in which Kafka was away."""
    pool = pipelines(backlog=10**6)
    pool.plan()
    for _ in range(20):
        pool.pass_seconds(60, read=25)
    assert rate(pool) < 60.0


@pytest.mark.parametrize("members_known", [True, False])
def test_an_interval_with_a_restart_or_a_rebalance_teaches_nothing(pipelines: Pipelines, members_known: bool) -> None:
    """Replicas come and go at every look: nobody has read undisturbed."""
    pool = pipelines(backlog=10**6)
    pool.members_known = members_known
    pool.plan()
    for turn in range(40):
        pool.replicas = 3 - turn % 2
        pool.pass_seconds(15, arrive=10, read=5)
    assert rate(pool) == 100.0


def test_idle_consumers_do_not_dilute_the_busy_one(pipelines: Pipelines) -> None:
    """One of four partitions holds all the work, one of four members reads 80/s of it: a consumer reads 80/s."""
    pool = pipelines()
    pool.replicas = 4
    pool.change(0, end=10**6)
    pool.plan()
    for _ in range(40):
        pool.pass_seconds(5, read=80)
    assert rate(pool) == pytest.approx(80, rel=0.05)


def test_without_member_details_a_partly_idle_pool_teaches_nothing(pipelines: Pipelines) -> None:
    """Nobody can say how many were busy, so nothing is learned rather than something wrong."""
    pool = pipelines()
    pool.replicas, pool.members_known = 4, False
    pool.change(0, end=10**6)
    pool.plan()
    for _ in range(40):
        pool.pass_seconds(5, read=80)
    assert rate(pool) == 100.0


def test_without_member_details_a_wholly_busy_pool_teaches(pipelines: Pipelines) -> None:
    """All partitions hold work all the time: all ready replicas were busy."""
    pool = pipelines(backlog=10**6)
    pool.members_known = False
    pool.plan()
    for _ in range(40):
        pool.pass_seconds(5, read=30)
    assert rate(pool) == pytest.approx(60, rel=0.05)


def test_a_paused_partition_is_no_evidence(pipelines: Pipelines) -> None:
    """Its owner reads the other partition and comes to its end: not busy, though a partition of it holds a million."""
    pool = pipelines(partitions=2)
    pool.replicas = 1
    pool.change(0, end=10**6)
    pool.plan()
    for _ in range(40):
        pool.now += 5
        part = pool.partitions[1]
        pool.partitions[1] = replace(part, end=part.end + 50, committed=part.end + 50)
        pool.plan()
    assert rate(pool) == 100.0


def test_a_slow_database_is_noticed_and_forgotten(pipelines: Pipelines) -> None:
    """A minute of slowness shows; half an hour without evidence brings the usual rate back."""
    pool = pipelines(backlog=10**6)
    pool.plan()
    for _ in range(120):
        pool.pass_seconds(5, read=50)
    usual = rate(pool)
    for _ in range(12):
        pool.pass_seconds(5, read=20)
    assert rate(pool) < 0.65 * usual
    pool.partitions = [replace(part, committed=part.end) for part in pool.partitions]
    for _ in range(360):
        pool.pass_seconds(5, arrive=1, read=50)
    assert rate(pool) > 0.9 * usual


def test_a_process_that_was_killed_in_a_slow_hour_does_not_take_it_for_the_usual_one(pipelines: Pipelines) -> None:
    """The next one goes on with the slow rate and fades back to the usual one, as the first would have."""
    resumed = ConsumerRate.resumed(usual_per_second=1000, per_second=300)
    assert resumed.per_second == pytest.approx(300)
    pool = pipelines(partitions=4)
    pool.plan()
    assert pool.state is not None
    pool.state = replace(pool.state, rate=replace(resumed, baseline=pool.state.rate.baseline))
    for _ in range(360):
        pool.pass_seconds(5, arrive=1, read=50)
    assert rate(pool) > 900


def test_commits_that_come_seldom_do_not_bias_the_rate(pipelines: Pipelines) -> None:
    """A commit every 7 s, a look every 5 s: some looks see none and some see one, the mean is right."""
    pool = pipelines(backlog=10**6)
    pool.plan()
    committed = 0
    for second in range(1, 601):
        committed += 7 * 40 if second % 7 == 0 else 0
        if second % 5 == 0:
            pool.now += 5
            pool.partitions = [replace(part, committed=1000 + committed) for part in pool.partitions]
            pool.plan()
    assert rate(pool) == pytest.approx(80, rel=0.15)
