"""The cases in which lag is not what it seems, one test each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lagscaler.policy.observations import Observation, PartitionOffsets
from lagscaler.policy.plan import Reason

if TYPE_CHECKING:
    from tests.unit.lagscaler.conftest import Pipelines


def test_the_number_is_arrivals_and_backlog_over_what_a_consumer_reads(pipelines: Pipelines) -> None:
    """12 partitions with 20/s each and nothing waiting: 240 ÷ (100 * 0.8) = 3 consumers."""
    pool = pipelines(partitions=12)
    pool.plan()
    for _ in range(12):
        result = pool.pass_seconds(5, arrive=20, read=20)
    assert (result.desired, result.reason) == (3, Reason.KEEPING_UP)


def test_a_backlog_is_spread_over_the_drain_time_less_what_pods_take_to_start(pipelines: Pipelines) -> None:
    """21,600 messages in 120 - 30 seconds are 240 a second: 3 consumers of 100 a second at 80 %."""
    pool = pipelines(partitions=12, backlog=1800)
    assert pool.plan().desired == 3


def test_a_backlog_is_gone_by_the_deadline_without_a_number_that_goes_up_again(pipelines: Pipelines) -> None:
    """Against a deadline a shrinking backlog keeps its consumers; they are let go with it, in few steps."""
    pool = pipelines(partitions=12, backlog=4500)
    pool.replicas = pool.plan().desired or 0
    numbers = []
    for _ in range(24):
        pool.replicas = pool.pass_seconds(5, read=pool.replicas * 100 / 12).desired or 0
        numbers.append(pool.replicas)
    assert sum(part.end - (part.committed or 0) for part in pool.partitions) == 0
    assert numbers == sorted(numbers, reverse=True)
    assert len(set(numbers)) <= 5


def test_a_missing_topic_is_a_failed_observation_and_not_an_empty_one() -> None:
    """A topic without partitions must not read as a topic without work."""
    with pytest.raises(ValueError, match="at least one partition"):
        Observation(0.0, "", (), 1, 1)


@pytest.mark.parametrize(("unread_from", "lag"), [("earliest", 4 * 700), ("latest", 0)])
def test_a_group_without_commits_has_the_backlog_that_its_consumers_will_read(
    pipelines: Pipelines, unread_from: str, lag: int
) -> None:
    """Neither zero nor everything by rule: from the log's start for `earliest`, nothing for `latest`."""
    pool = pipelines(unread_from=unread_from)
    pool.partitions = [PartitionOffsets(number, 300, 1000, None) for number in range(4)]
    result = pool.plan()
    assert result.figures is not None
    assert result.figures.lag == lag


def test_a_new_empty_topic_needs_the_minimum(pipelines: Pipelines) -> None:
    """No messages, no commits, no readers yet: the floor, and after the warm-up still the floor."""
    pool = pipelines()
    pool.replicas = 1
    pool.partitions = [PartitionOffsets(number, 0, 0, None) for number in range(4)]
    assert pool.plan().desired == 1
    assert pool.pass_seconds(60).desired == 1


def test_a_reset_to_the_past_is_a_backlog_and_no_evidence_of_speed(pipelines: Pipelines) -> None:
    """Commits that go backwards: the work is real, the negative speed is not."""
    pool = pipelines(backlog=0)
    pool.plan()
    for number in range(4):
        pool.change(number, committed=0)
    result = pool.pass_seconds(20)
    assert result.figures is not None
    assert result.figures.lag == 4000
    assert result.figures.rate_per_consumer == 100.0


def test_a_reset_to_the_end_is_not_taken_for_a_fast_consumer(pipelines: Pipelines) -> None:
    """A jump over a million messages moves the estimate by a bounded factor at most."""
    pool = pipelines(backlog=1_000_000)
    pool.plan()
    for number in range(4):
        pool.change(number, committed=900_000)
    result = pool.pass_seconds(20)
    assert result.figures is not None
    assert result.figures.rate_per_consumer < 400.0


def test_what_retention_took_is_not_waited_for(pipelines: Pipelines) -> None:
    """Committed 1,000, log start 50,000, end 50,500: 500 messages are left, and nobody has read 49,000."""
    pool = pipelines(backlog=49_500)
    pool.plan()
    for number in range(4):
        pool.change(number, log_start=50_000)
    result = pool.pass_seconds(20)
    assert result.figures is not None
    assert result.figures.lag == 4 * 500
    assert result.figures.rate_per_consumer == 100.0


def test_a_recreated_topic_begins_anew_and_keeps_what_is_known_of_the_consumers(pipelines: Pipelines) -> None:
    """Old commits belong to the old topic: the new one's messages are all unread, and its rate is not yet known."""
    pool = pipelines(backlog=100_000)
    pool.plan()
    for _ in range(6):
        pool.pass_seconds(15, arrive=10, read=25)
    assert pool.state is not None
    learned = pool.state.rate.per_second
    pool.topic_id = "second"
    old = [part.committed for part in pool.partitions]
    pool.partitions = [PartitionOffsets(number, 0, 5000, old[number]) for number in range(4)]
    result = pool.pass_seconds(5)
    assert result.figures is not None
    assert (result.figures.lag, result.figures.arrivals_per_second) == (4 * 5000, 0.0)
    assert result.figures.rate_per_consumer == learned < 100.0


def test_a_commit_left_over_from_a_deleted_topic_does_not_hide_work(pipelines: Pipelines) -> None:
    """The new topic grows past the old commit: only a commit that has moved since counts."""
    pool = pipelines()
    pool.plan()
    pool.topic_id = "second"
    pool.partitions = [PartitionOffsets(number, 0, 1500, 1000) for number in range(4)]
    assert pool.pass_seconds(5).figures.lag == 4 * 1500  # type: ignore[union-attr]  # Kafka was asked
    pool.partitions = [replace(part, committed=1001) for part in pool.partitions]
    assert pool.pass_seconds(5).figures.lag == 4 * 499  # type: ignore[union-attr]  # Kafka was asked


def test_an_end_that_goes_backwards_is_no_negative_arrival(pipelines: Pipelines) -> None:
    """A recreated topic where brokers give no ids: the rate stays what it was, the lag is all the new topic holds."""
    pool = pipelines()
    pool.topic_id = ""
    pool.plan()
    for _ in range(6):
        pool.pass_seconds(5, arrive=40, read=40)
    pool.partitions = [PartitionOffsets(number, 0, 10, 2200) for number in range(4)]
    result = pool.pass_seconds(5)
    assert result.figures is not None
    assert result.figures.arrivals_per_second == pytest.approx(160)
    assert result.figures.lag == 4 * 10


def test_added_partitions_raise_the_cap_and_count_as_unread(pipelines: Pipelines) -> None:
    """Four partitions grow to eight: up to eight consumers, and what the new ones hold is work."""
    pool = pipelines(partitions=4, backlog=100_000)
    assert pool.plan().desired == 4
    pool.partitions += [PartitionOffsets(number, 0, 100_000, None) for number in range(4, 8)]
    assert pool.pass_seconds(5).desired == 8


def test_consumers_beyond_the_partitions_are_not_asked_for(pipelines: Pipelines) -> None:
    """Whatever the backlog: a consumer without a partition would only wait. Processes in a pod count one by one."""
    assert pipelines(partitions=6, backlog=10**9).plan().desired == 6
    assert pipelines(partitions=6, backlog=10**9, members_per_replica=4).plan().desired == 2


def test_a_hot_partition_gets_a_consumer_of_its_own_and_no_more(pipelines: Pipelines) -> None:
    """One partition takes 90/s of the 100/s a consumer reads: no other partition may share its reader."""
    pool = pipelines(partitions=4)
    pool.plan()
    for _ in range(12):
        pool.now += 5
        pool.partitions = [
            replace(part, end=part.end + (450 if part.partition == 0 else 50), committed=part.end)
            for part in pool.partitions
        ]
        result = pool.plan()
    assert result.desired == 4
    hotter = pipelines(partitions=40)
    hotter.replicas = 1
    hotter.change(0, end=10**9)
    assert hotter.plan().desired == 1


def test_a_restarted_operator_takes_no_consumers_away_before_it_knows_the_arrivals(pipelines: Pipelines) -> None:
    """The first look knows no rate: eight replicas stay eight until half a minute of arrivals says otherwise."""
    pool = pipelines(partitions=12)
    pool.replicas = 8
    assert (pool.plan().desired, pool.plans[-1].reason) == (8, Reason.WARMING_UP)
    results = [pool.pass_seconds(5, arrive=10, read=10).desired for _ in range(8)]
    assert results[:5] == [8] * 5
    assert results[-1] == 2


def test_work_on_the_edge_of_a_replica_does_not_flap(pipelines: Pipelines) -> None:
    """Arrivals swing by 4 % around what two consumers are planned for: one number, not two in turn."""
    pool = pipelines(partitions=12)
    pool.plan()
    numbers = [
        pool.pass_seconds(5, arrive=13.3 * (1.04 if turn % 6 < 3 else 0.96), read=20).desired for turn in range(60)
    ]
    assert len(set(numbers[12:])) == 1


def test_an_observation_that_is_not_newer_is_ignored(pipelines: Pipelines) -> None:
    """Two answers out of order, or the same one twice, teach nothing."""
    pool = pipelines(backlog=1000)
    first = pool.plan()
    pool.partitions = [replace(part, end=part.end + 10_000) for part in pool.partitions]
    assert pool.plan().figures == first.figures
