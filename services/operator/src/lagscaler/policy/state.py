"""All that is remembered from one plan to the next: a value, replaced and never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lagscaler.policy.arrivals import Arrivals, learn_arrivals
from lagscaler.policy.observations import Observation
from lagscaler.policy.positions import Standing, stale_after, standings
from lagscaler.policy.progress import Progress
from lagscaler.policy.rates import ConsumerRate
from lagscaler.policy.settings import PolicySettings

# What is always under way between two commits; only more than this is a backlog with a deadline.
UNDER_WAY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class State:
    """`behind_since_seconds` is when the present backlog began, `desired` the last replicas that were asked for,
    `first_seen_seconds` the beginning of what is known of this topic.
    """

    rate: ConsumerRate
    latest: Observation | None = None
    first_seen_seconds: float = 0.0
    standings: Mapping[int, Standing] = field(default_factory=dict)
    stale_commits: Mapping[int, int] = field(default_factory=dict)
    arrivals: Mapping[int, Arrivals] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)
    behind_since_seconds: float | None = None
    desired: int | None = None

    @property
    def arrivals_per_second(self) -> float:
        return sum(arrivals.per_second for arrivals in self.arrivals.values())


def initial_state(settings: PolicySettings) -> State:
    return State(rate=ConsumerRate(prior=settings.rate_per_consumer))


def learn(state: State, observation: Observation, settings: PolicySettings) -> State:
    """The state with one more observation; one that is not newer than the last is ignored."""
    before = state.latest
    if before is not None and observation.at_seconds <= before.at_seconds:
        return state
    same_topic = before is not None and before.topic_id == observation.topic_id
    stale = stale_after(before, observation, state.stale_commits)
    stands = standings(observation, stale, settings.unread_from)
    known = replace(
        state,
        latest=observation,
        first_seen_seconds=state.first_seen_seconds if same_topic else observation.at_seconds,
        standings=stands,
        stale_commits=stale,
        arrivals=learn_arrivals(state.arrivals, before, observation),
        rate=state.rate.after(observation, stands),
        progress=(state.progress if same_topic else Progress()).after(stands, observation.at_seconds),
    )
    return replace(known, behind_since_seconds=_behind_since(known, observation.at_seconds))


def unseen(state: State) -> State:
    """The state after a look at which Kafka could not be asked: the interval under way says nothing of a consumer's speed."""
    return replace(state, rate=state.rate.interrupted())


def unknown(state: State) -> State:
    """The state once nothing is known any more: nor does what nobody saw tell who stood still. The deadline of the backlog goes
    on: it may have been the lag that could not be asked for, while all was read.
    """
    return replace(unseen(state), progress=Progress())


def _behind_since(state: State, at_seconds: float) -> float | None:
    paused = state.progress.paused(at_seconds)
    backlog = sum(standing.backlog for number, standing in state.standings.items() if number not in paused)
    if backlog <= state.arrivals_per_second * UNDER_WAY_SECONDS:
        return None
    # While nothing is read, no number of consumers could keep the deadline: it counts from when reading goes on.
    if state.progress.stalled(at_seconds) or state.behind_since_seconds is None:
        return at_seconds
    return state.behind_since_seconds
