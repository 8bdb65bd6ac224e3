"""Who is replaced for leaving records unread, and who is not; in seconds of a clock that the tests hold."""

from collections.abc import Mapping

import pytest

from consumer.progress import Look, Progress, Stalled, WorkerState

LIMIT = 15.0
LONG_AGO = -1_000.0


def worker(index: int, *partitions: int, writing: bool = False, started_at: float = LONG_AGO) -> WorkerState:
    """A worker that has ``partitions``."""
    return WorkerState(index, started_at, frozenset(partitions), writing)


def looks(
    progress: Progress, until: float, ends: Mapping[int, int], positions: Mapping[int, int], *workers: WorkerState
) -> list[tuple[float, Stalled]]:
    """Looks every second up to ``until``, all with the same answer; what was to be replaced, and when."""
    seconds = range(int(until) + 1)
    return [
        (float(now), stalled)
        for now in seconds
        for stalled in progress.after(Look(float(now), ends, positions), workers)
    ]


def test_a_worker_that_leaves_records_unread_is_replaced() -> None:
    """Once, when the limit is over; and the partition is told as stuck."""
    progress = Progress(LIMIT)

    replaced = looks(progress, 20, {0: 10, 1: 5}, {0: 4, 1: 5}, worker(0, 0, 1))

    assert replaced == [(15.0, Stalled(0, (0,), 15.0))]
    assert progress.stuck == (0,)
    assert not progress.is_hopeless


def test_one_partition_is_enough() -> None:
    """The others of the same worker move all the time, and its batches are with PostgreSQL at every look: it has longer."""
    progress = Progress(LIMIT)
    replaced = [
        (now, stalled)
        for now in range(70)
        for stalled in progress.after(
            Look(float(now), {0: 10_000, 1: 10_000}, {0: now, 1: 7}), [worker(0, 0, 1, writing=True)]
        )
    ]

    assert [(now, stalled.partitions) for now, stalled in replaced] == [(60, (1,))]


def test_a_worker_that_waits_for_postgresql_is_left_alone() -> None:
    """A lock, a slow disk: its transaction would begin anew, and the records are told as stuck all the same."""
    progress = Progress(LIMIT)

    assert looks(progress, 600, {0: 10}, {0: 4}, worker(0, 0, writing=True)) == []
    assert progress.stuck == (0,)


@pytest.mark.parametrize(
    ("ends", "positions"),
    [({0: 10}, {0: 10}), ({0: 10}, {0: 12}), ({}, {0: 4}), ({0: 0}, {})],
    ids=["all is read", "the log was cut", "no leader told its end", "nothing was ever sent"],
)
def test_where_nothing_waits_nobody_is_replaced(ends: Mapping[int, int], positions: Mapping[int, int]) -> None:
    """However long it lasts."""
    assert looks(Progress(LIMIT), 600, ends, positions, worker(0, 0)) == []


def test_a_ledger_without_the_partition_stands_at_0() -> None:
    """No consumer ever came to it."""
    assert looks(Progress(LIMIT), 15, {0: 1}, {}, worker(0, 0)) == [(15.0, Stalled(0, (0,), 15.0))]


def test_slow_is_not_stalled() -> None:
    """One record in ten seconds, and ever more that wait."""
    progress = Progress(LIMIT)
    for now in range(600):
        assert progress.after(Look(float(now), {0: 1_000 * now}, {0: now // 10}), [worker(0, 0)]) == []


def test_an_outage_is_nobodys_fault() -> None:
    """Kafka or PostgreSQL did not answer meanwhile: the time begins anew with the first answer."""
    progress = Progress(LIMIT)
    states = [worker(0, 0)]
    progress.after(Look(0.0, {0: 10}, {0: 4}), states)
    progress.interrupted()

    assert progress.after(Look(100.0, {0: 10}, {0: 4}), states) == []
    assert progress.after(Look(115.0, {0: 10}, {0: 4}), states) == [Stalled(0, (0,), 15.0)]


def test_a_new_owner_gets_the_whole_time() -> None:
    """What the owner before left unread is not held against it."""
    progress = Progress(LIMIT)
    for now in range(15):
        assert progress.after(Look(float(now), {0: 10}, {0: 4}), [worker(0, 0), worker(1)]) == []

    handed_over = [worker(0), worker(1, 0)]

    assert progress.after(Look(15.0, {0: 10}, {0: 4}), handed_over) == []
    assert progress.after(Look(29.0, {0: 10}, {0: 4}), handed_over) == []
    assert progress.after(Look(30.0, {0: 10}, {0: 4}), handed_over) == [Stalled(1, (0,), 15.0)]


def test_replacing_in_vain_becomes_rarer_and_is_told() -> None:
    """A cause that no new client mends must not keep the group rebalancing; liveness says so after the third."""
    progress = Progress(LIMIT)

    replaced = looks(progress, 400, {0: 10}, {0: 4}, worker(0, 0))

    assert [now for now, _ in replaced] == [15.0, 45.0, 105.0, 225.0]
    assert progress.is_hopeless


def test_once_it_moves_all_is_forgiven() -> None:
    """The next stall is the first one again."""
    progress = Progress(LIMIT)
    looks(progress, 120, {0: 10}, {0: 4}, worker(0, 0))
    assert progress.is_hopeless

    progress.after(Look(121.0, {0: 10}, {0: 9}), [worker(0, 0)])

    assert not progress.is_hopeless
    assert progress.stuck == ()


def test_a_partition_of_nobody() -> None:
    """A member without partitions, which may not find its group any more, is replaced after twice the limit."""
    replaced = looks(Progress(LIMIT), 31, {0: 10, 1: 10}, {0: 4, 1: 10}, worker(0, 1), worker(1))

    assert replaced == [(30.0, Stalled(1, (0,), 30.0))]


def test_a_partition_of_nobody_where_all_have_some() -> None:
    """Three times the limit: another pool may have it, which replaces its own worker first."""
    replaced = looks(Progress(LIMIT), 46, {0: 10, 1: 10, 2: 3}, {0: 4, 1: 10, 2: 3}, worker(0, 1, 2), worker(1, 3))

    assert replaced == [(45.0, Stalled(1, (0,), 45.0))]


def test_a_worker_that_has_just_started_is_not_judged() -> None:
    """It has to join first."""
    replaced = looks(Progress(LIMIT), 100, {0: 10}, {0: 4}, worker(0, started_at=60.0))

    assert replaced == [(90.0, Stalled(0, (0,), 90.0))]
