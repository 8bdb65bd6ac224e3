"""Nothing moves, or nobody can see whether it does: outages, pauses, and what is never read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lagscaler.policy.plan import Reason

if TYPE_CHECKING:
    from tests.unit.lagscaler.conftest import Pipelines


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
