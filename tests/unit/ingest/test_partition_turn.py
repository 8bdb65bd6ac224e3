"""Which partition takes the clicks: one at a time, all of them alike."""

from collections import Counter

from ingest.publisher import PARTITION_UA, PartitionTurn

TURN_SECONDS = 0.005


def test_the_client_library_decides_while_the_partitions_are_unknown() -> None:
    assert PartitionTurn(TURN_SECONDS).partition == PARTITION_UA


def test_a_turn_takes_all_clicks_of_its_time_and_every_partition_has_as_many() -> None:
    turn = PartitionTurn(TURN_SECONDS)
    turn.partitions = 6
    taken: Counter[int] = Counter()
    for tick in range(6 * 5 * 10):
        turn.advance(tick * 0.001)
        taken[turn.partition] += 1
    assert set(taken) == set(range(6))
    assert max(taken.values()) - min(taken.values()) <= 5


def test_a_turn_is_not_cut_short() -> None:
    turn = PartitionTurn(TURN_SECONDS)
    turn.partitions = 3
    turn.advance(1.0)
    first = turn.partition
    turn.advance(1.0049)
    assert turn.partition == first
    turn.advance(1.0051)
    assert turn.partition == (first + 1) % 3


def test_more_partitions_get_their_turn() -> None:
    turn = PartitionTurn(TURN_SECONDS)
    turn.partitions = 1
    turn.advance(0.0)
    assert turn.partition == 0
    turn.partitions = 4
    seen = set()
    for number in range(4):
        turn.advance(1.0 + number)
        seen.add(turn.partition)
    assert seen == {0, 1, 2, 3}
