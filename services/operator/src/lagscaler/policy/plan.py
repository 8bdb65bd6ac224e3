"""The policy: how many replicas a pool of consumers needs. Change how it scales here and in sizing.py.

    desired = ceil((arrival rate + backlog ÷ time left to drain it) ÷ (rate per consumer · utilization))

Pure: observations, settings, state and the time go in, a plan with the next state comes out. docs/autoscaling.md tells
why each rule is there, `python -m lagscaler.simulate` what it is worth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from lagscaler.policy.observations import Observation
from lagscaler.policy.settings import PolicySettings
from lagscaler.policy.sizing import consumers_for
from lagscaler.policy.state import State, initial_state, learn, unknown, unseen

# Before this much is known of a topic, an arrival rate is a guess, and a guess must not take consumers away.
WARM_UP_SECONDS = 30.0
# A late backlog may ask for this part of the drain time at the shortest: without a floor it would ask for infinity.
SHORTEST_DRAIN_SHARE = 1 / 6


class Reason(StrEnum):
    """Why the number is what it is; fit for a condition's reason."""

    KEEPING_UP = "KeepingUp"
    DRAINING = "Draining"
    WARMING_UP = "WarmingUp"
    STALLED = "NothingIsRead"
    AT_MAXIMUM = "AtMaximum"
    HOLDING = "HoldingLastGood"
    UNKNOWN = "NoFreshLag"


@dataclass(frozen=True, slots=True)
class Figures:
    """What the number was made of: messages, messages a second, partitions left out because nothing reads them."""

    lag: int
    arrivals_per_second: float
    rate_per_consumer: float
    paused_partitions: frozenset[int]


@dataclass(frozen=True, slots=True)
class Plan:
    """`desired` replicas, or None when there is no number: then serve an error, and the HPA holds still."""

    desired: int | None
    reason: Reason
    figures: Figures | None
    state: State


def plan(observations: Sequence[Observation], settings: PolicySettings, state: State | None, now: float) -> Plan:
    """The plan at `now` (seconds, the observations' clock), with the observations made since the last plan, oldest
    first; none when Kafka could not be asked.
    """
    state = state if state is not None else initial_state(settings)
    for observation in observations:
        state = learn(state, observation, settings)
    latest = state.latest
    if latest is None or now - latest.at_seconds > settings.hold_seconds:
        return Plan(None, Reason.UNKNOWN, None, unknown(state))
    if not observations and state.desired is not None:
        return Plan(state.desired, Reason.HOLDING, figures(state), unseen(state))
    return _decide(state, latest, settings)


def figures(state: State) -> Figures:
    at_seconds = state.latest.at_seconds if state.latest else 0.0
    return Figures(
        lag=sum(standing.backlog for standing in state.standings.values()),
        arrivals_per_second=state.arrivals_per_second,
        rate_per_consumer=state.rate.per_second,
        paused_partitions=state.progress.paused(at_seconds),
    )


def _decide(state: State, latest: Observation, settings: PolicySettings) -> Plan:
    desired, reason = _needed(state, latest, settings)
    floor, ceiling = bounds(settings, len(latest.partitions))
    if desired > ceiling:
        reason = Reason.AT_MAXIMUM
    desired = min(max(desired, floor), ceiling)
    return Plan(desired, reason, figures(state), replace(state, desired=desired))


def bounds(settings: PolicySettings, partitions: int) -> tuple[int, int]:
    """The fewest and the most replicas that make sense: a member without a partition would only wait. The minimum
    outranks the partitions, since somebody asked for it.
    """
    useful = math.ceil(partitions / settings.members_per_replica)
    return settings.min_replicas, max(settings.min_replicas, min(settings.max_replicas, useful))


def _needed(state: State, latest: Observation, settings: PolicySettings) -> tuple[int, Reason]:
    last = state.desired if state.desired is not None else latest.current_replicas
    wanted = _settled(state, latest, settings, last)
    if latest.ready_replicas and state.progress.stalled(latest.at_seconds):
        # Readers are there and nothing is read: more of them would wait as well. Fewer only where all that waits needs
        # fewer: the end of a transaction or of a compacted log is never read, and must not keep a pool for ever.
        return min(last, wanted), Reason.STALLED
    if wanted < last and latest.at_seconds - state.first_seen_seconds < WARM_UP_SECONDS:
        return last, Reason.WARMING_UP
    return wanted, Reason.KEEPING_UP if state.behind_since_seconds is None else Reason.DRAINING


def _settled(state: State, latest: Observation, settings: PolicySettings, last: int) -> int:
    """More only beyond the tolerance, fewer from the middle of it on: between the two the number stays, so that work on
    an edge does not flap, and a hundredth over does not buy a replica.
    """
    loads = _loads(state, latest, settings)
    at_least = _replicas([load / (1 + settings.tolerance) for load in loads], settings)
    at_most = _replicas([load / (1 + settings.tolerance / 2) for load in loads], settings)
    return max(at_least, min(last, at_most))


def _replicas(loads: Sequence[float], settings: PolicySettings) -> int:
    # The maximum is applied later, where it can be told as a reason; partitions are the limit here.
    members = consumers_for(loads, settings.utilization, limit=len(loads))
    return math.ceil(members / settings.members_per_replica)


def _loads(state: State, latest: Observation, settings: PolicySettings) -> list[float]:
    """Each partition's work in consumers: what arrives, and its backlog spread over the time that is left."""
    paused = state.progress.paused(latest.at_seconds)
    left = time_left_seconds(state, latest, settings)
    rates = {number: arrivals.per_second for number, arrivals in state.arrivals.items()}
    return [
        0.0 if number in paused else (rates.get(number, 0.0) + standing.backlog / left) / state.rate.per_second
        for number, standing in state.standings.items()
    ]


def time_left_seconds(state: State, latest: Observation, settings: PolicySettings) -> float:
    """How long the backlog may still take. A fixed `backlog ÷ drain_seconds` would let go of consumers as the backlog
    shrinks and never quite finish; against a deadline, the number stays level until the backlog is gone.
    """
    since = state.behind_since_seconds
    gone = latest.at_seconds - since if since is not None else 0.0
    shortest = settings.drain_seconds * SHORTEST_DRAIN_SHARE
    return max(settings.drain_seconds - settings.startup_seconds - gone, shortest)
