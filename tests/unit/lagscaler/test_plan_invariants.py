"""What holds for every observation, whatever Kafka says."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from lagscaler.policy.observations import Observation, PartitionOffsets
from lagscaler.policy.plan import Plan, bounds, plan
from lagscaler.policy.settings import PolicySettings
from lagscaler.policy.sizing import consumers_for

# A busy machine is no failure of the policy.
unhurried = settings(deadline=None)

# Log start, messages in the log, and where the commit stands: None, or a share of the way from 0 to beyond the end.
PARTITION = st.tuples(
    st.sampled_from([0, 500, 10**12]),
    st.integers(min_value=0, max_value=10**7),
    st.none() | st.floats(min_value=0, max_value=1.1),
    st.sampled_from([None, "a", "b"]),
)
OBSERVATION = st.tuples(
    st.floats(min_value=0.1, max_value=600),
    st.sampled_from(["one", "one", "one", "two", ""]),
    st.lists(PARTITION, min_size=1, max_size=5),
    st.integers(min_value=0, max_value=20),
    st.none() | st.integers(min_value=0, max_value=20),
)
Drawn = tuple[float, str, list[tuple[int, int, float | None, str | None]], int, int | None]


def history_of(drawn: list[Drawn]) -> list[Observation]:
    made: list[Observation] = []
    for gap, topic_id, rows, replicas, members in drawn:
        at_seconds = (made[-1].at_seconds if made else 0.0) + gap
        parts = tuple(partition(number, *row) for number, row in enumerate(rows))
        made.append(Observation(at_seconds, topic_id, parts, replicas, replicas, members))
    return made


def partition(number: int, start: int, held: int, read: float | None, owner: str | None) -> PartitionOffsets:
    end = start + held
    return PartitionOffsets(number, start, end, None if read is None else int(end * read), owner)


def histories() -> st.SearchStrategy[list[Observation]]:
    return st.lists(OBSERVATION, min_size=1, max_size=5).map(history_of)


@st.composite
def policies(draw: st.DrawFn) -> PolicySettings:
    least = draw(st.integers(min_value=0, max_value=5))
    return PolicySettings(
        min_replicas=least,
        max_replicas=draw(st.integers(min_value=max(1, least), max_value=20)),
        rate_per_consumer=draw(st.floats(min_value=0.01, max_value=1e6)),
        drain_seconds=draw(st.floats(min_value=1, max_value=3600)),
        utilization=draw(st.floats(min_value=0.1, max_value=1)),
        members_per_replica=draw(st.integers(min_value=1, max_value=4)),
        unread_from=draw(st.sampled_from(["earliest", "latest"])),
    )


def plans(history: list[Observation], policy: PolicySettings) -> list[Plan]:
    made: list[Plan] = []
    for seen in history:
        made.append(plan([seen], policy, made[-1].state if made else None, seen.at_seconds))
    return made


@unhurried
@given(histories(), policies())
def test_a_plan_is_always_between_the_minimum_and_what_the_maximum_and_the_partitions_allow(
    history: list[Observation], policy: PolicySettings
) -> None:
    """Resets, recreated topics, groups without commits, unready pools: the number stays in its bounds, and is there."""
    for seen, made in zip(history, plans(history, policy), strict=True):
        least, most = bounds(policy, len(seen.partitions))
        assert made.desired is not None
        assert least <= made.desired <= most <= max(policy.max_replicas, policy.min_replicas)


@unhurried
@given(histories(), policies())
def test_a_pool_that_must_not_be_empty_is_never_told_to_be(history: list[Observation], policy: PolicySettings) -> None:
    """With a minimum of 1 or more, no history leads to 0."""
    careful = replace(policy, min_replicas=max(1, policy.min_replicas))
    assert all(made.desired for made in plans(history, careful))


@unhurried
@given(histories(), policies(), st.integers(min_value=0, max_value=15), st.integers(min_value=1, max_value=10**8))
def test_more_backlog_never_means_fewer_consumers_for_the_same_time_left(
    history: list[Observation], policy: PolicySettings, number: int, more: int
) -> None:
    """Two first looks that differ only in how much one partition holds."""
    seen = replace(history[0], partitions=tuple(replace(part, committed=None) for part in history[0].partitions))
    grown = list(seen.partitions)
    index = number % len(grown)
    grown[index] = replace(grown[index], end=grown[index].end + more)
    earliest = replace(policy, unread_from="earliest")
    before = plan([seen], earliest, None, seen.at_seconds).desired
    after = plan([replace(seen, partitions=tuple(grown))], earliest, None, seen.at_seconds).desired
    assert before is not None
    assert after is not None
    assert after >= before


@unhurried
@given(histories(), policies(), st.floats(min_value=0, max_value=1000))
def test_without_kafka_the_last_number_is_kept_for_the_hold_time_and_then_there_is_none(
    history: list[Observation], policy: PolicySettings, silence: float
) -> None:
    """Never zero, never a guess: the same number or nothing."""
    last = plans(history, policy)[-1]
    silent = plan([], policy, last.state, history[-1].at_seconds + silence)
    waited = history[-1].at_seconds + silence - history[-1].at_seconds
    assert silent.desired == (last.desired if waited <= policy.hold_seconds else None)


@unhurried
@given(histories(), policies())
def test_the_learned_rate_stays_a_positive_number(history: list[Observation], policy: PolicySettings) -> None:
    """Nothing that Kafka says may make the divisor zero or negative."""
    assert all(made.state.rate.per_second > 0 for made in plans(history, policy))


LOADS = st.lists(st.floats(min_value=0, max_value=3), min_size=1, max_size=30)


@unhurried
@given(LOADS, st.integers(min_value=0, max_value=29), st.floats(min_value=0, max_value=3))
def test_more_load_on_any_partition_never_needs_fewer_consumers(loads: list[float], number: int, more: float) -> None:
    """The rule for hot partitions and the one for even shares keep the order that the formula has."""
    heavier = list(loads)
    heavier[number % len(loads)] += more
    assert consumers_for(loads, 0.8, len(loads)) <= consumers_for(heavier, 0.8, len(loads))


@unhurried
@given(LOADS, st.integers(min_value=1, max_value=40))
def test_no_consumer_is_asked_for_that_would_have_no_partition(loads: list[float], limit: int) -> None:
    """Not above the limit nor the partitions, and none only where there is nothing to do."""
    count = consumers_for(loads, 0.8, limit)
    assert count <= min(limit, len(loads))
    assert count > 0 or sum(loads) < 1e-6
