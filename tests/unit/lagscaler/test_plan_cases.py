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


def test_kafka_away_holds_the_last_number_for_a_minute_and_then_gives_none(pipelines: Pipelines) -> None:
    """The HPA keeps the pool as it is on an error; on a zero it would take it away."""
    pool = pipelines(partitions=12, backlog=1800)
    last = pool.plan().desired
    pool.now += 60
    assert (pool.plan_without_kafka().desired, pool.plans[-1].reason) == (last, Reason.HOLDING)
    pool.now += 1
    assert (pool.plan_without_kafka().desired, pool.plans[-1].reason) == (None, Reason.UNKNOWN)


def test_kafka_never_seen_gives_no_number(pipelines: Pipelines) -> None:
    """An operator that starts while Kafka is down has nothing to say, and says so."""
    assert pipelines().plan_without_kafka().desired is None


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


def test_a_paused_partition_does_not_buy_consumers(pipelines: Pipelines) -> None:
    """It holds a million messages and stands still while the others are read: more readers would not read it."""
    pool = pipelines(partitions=4)
    pool.change(0, end=1_000_000)
    pool.plan()
    for _ in range(14):
        before = pool.partitions[0].committed
        pool.now += 5
        pool.partitions = [
            replace(part, end=part.end + 50, committed=before if part.partition == 0 else part.end + 50)
            for part in pool.partitions
        ]
        result = pool.plan()
    assert result.figures is not None
    assert result.figures.paused_partitions == {0}
    assert result.desired == 1


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


def test_a_pool_that_reads_nothing_is_left_as_it_is(pipelines: Pipelines) -> None:
    """The database is down: lag grows, and neither more nor fewer consumers would change that."""
    pool = pipelines(partitions=12)
    pool.replicas = 3
    pool.plan()
    for _ in range(12):
        pool.pass_seconds(5, arrive=20, read=20)
    stopped = [pool.pass_seconds(5, arrive=20, read=0) for _ in range(60)]
    assert {result.reason for result in stopped[10:]} == {Reason.STALLED}
    assert len({result.desired for result in stopped[10:]}) == 1
    resumed = pool.pass_seconds(5, arrive=20, read=25)
    assert resumed.reason is Reason.DRAINING
    assert resumed.desired == 12


def test_a_paused_partition_is_found_on_a_quiet_topic_too(pipelines: Pipelines) -> None:
    """The others are read every 40 s only; the time between does not count whole, but it counts."""
    pool = pipelines()
    pool.change(0, end=1_000_000)
    pool.plan()
    found = []
    for _ in range(6):
        pool.partitions = [
            replace(part, end=part.end + 50, committed=part.committed if part.partition == 0 else part.end)
            for part in pool.partitions
        ]
        found += [pool.pass_seconds(5) for _ in range(8)]
    figures = found[-8].figures
    assert figures is not None
    assert figures.paused_partitions == {0}


def test_after_a_standstill_the_later_ones_are_not_taken_for_paused(pipelines: Pipelines) -> None:
    """The database is back and one reader has written its batch; the batches of the others are under way. Only from here on
    does a partition stand still while others move.
    """
    pool = pipelines(backlog=9000)
    pool.replicas = 4
    pool.plan()
    for _ in range(24):
        pool.pass_seconds(5)
    pool.change(0, committed=1500)
    first = pool.pass_seconds(5)
    assert first.figures is not None
    assert (first.desired, first.figures.paused_partitions) == (4, frozenset())


def test_two_minutes_without_kafka_are_no_standstill_of_the_readers(pipelines: Pipelines) -> None:
    """Nobody saw whether anything moved. When Kafka is back the backlog is late, and whoever is there to read it stays, also
    while one reads on before the others.
    """
    pool = pipelines(backlog=4500)
    pool.replicas = pool.plan().desired or 0
    pool.pass_seconds(5, read=25)
    for _ in range(24):
        pool.now += 5
        pool.plan_without_kafka()
    back = [pool.pass_seconds(5) for _ in range(3)]
    pool.change(1, committed=2500)
    back.append(pool.pass_seconds(5))
    assert {(result.desired, result.reason) for result in back} == {(4, Reason.DRAINING)}
    assert back[-1].figures is not None
    assert back[-1].figures.paused_partitions == frozenset()


def test_messages_that_are_never_read_do_not_keep_a_pool(pipelines: Pipelines) -> None:
    """The end of a transaction has an offset and no message: each partition has a lag of 1 for ever. Nothing moves, and the
    pool of six that the day needed must go all the same.
    """
    pool = pipelines(partitions=12)
    pool.replicas = 6
    pool.plan()
    for _ in range(12):
        pool.pass_seconds(5, arrive=40, read=40)
    pool.partitions = [replace(part, end=part.end + 1) for part in pool.partitions]
    quiet = [pool.pass_seconds(5) for _ in range(24)]
    assert {result.reason for result in quiet[10:]} == {Reason.STALLED}
    assert quiet[-1].desired == 1


def test_one_empty_partition_does_not_hide_that_nothing_is_read(pipelines: Pipelines) -> None:
    """Its emptiness is no progress: the others are stalled and not paused, and the pool stays."""
    pool = pipelines(partitions=12, backlog=1000)
    pool.replicas = 2
    pool.change(0, end=1000)
    pool.plan()
    results = [pool.pass_seconds(5) for _ in range(30)]
    assert results[-1].reason is Reason.STALLED
    assert results[-1].desired == 2


def test_an_empty_pool_is_not_taken_for_a_stalled_one(pipelines: Pipelines) -> None:
    """With no ready replica nothing is read either, but there more replicas are what is missing: 80/s arrive and 8,000
    messages wait for 90 s, so two are asked for.
    """
    pool = pipelines(partitions=4, min_replicas=0)
    pool.replicas = 0
    assert pool.plan().desired == 0
    results = [pool.pass_seconds(5, arrive=20) for _ in range(20)]
    assert results[-1].desired == 2


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
