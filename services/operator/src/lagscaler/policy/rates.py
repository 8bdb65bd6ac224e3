"""How much one consumer reads, learned only while it surely had work and nothing disturbed it.

Two memories, both sums of messages and of consumer-seconds: `usual` moves slowly from the configured prior, `recent`
follows a slow database within a minute and fades back to `usual` when there is no evidence any more. Without the
fading, a pool sized for a slow database would never be busy again, so would never learn that it has recovered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lagscaler.policy.observations import Observation
from lagscaler.policy.positions import Standing

# Consumers commit every few seconds at most; over this long, when a commit lands hardly matters.
EVIDENCE_SECONDS = 15.0
# One reading may move the estimate by this factor at most: a jump over offsets is not a fast consumer.
CREDIBLE_FACTOR = 4.0
RECENT_HALF_LIFE_SECONDS = 30.0
RECENT_FADES_HALF_LIFE_SECONDS = 300.0
RECENT_PRIOR_CONSUMER_SECONDS = 15.0
# How much a restarted process trusts the recent rate of the one before it: as after a minute of one busy consumer.
RESUMED_CONSUMER_SECONDS = 60.0
USUAL_HALF_LIFE_SECONDS = 3600.0
USUAL_PRIOR_CONSUMER_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """Messages read, and the consumer-seconds it took."""

    messages: float = 0.0
    consumer_seconds: float = 0.0

    def faded(self, seconds: float, half_life_seconds: float) -> Evidence:
        keep = 0.5 ** (seconds / half_life_seconds)
        return Evidence(self.messages * keep, self.consumer_seconds * keep)

    def plus(self, other: Evidence) -> Evidence:
        return Evidence(self.messages + other.messages, self.consumer_seconds + other.consumer_seconds)

    def rate(self, prior_rate: float, prior_consumer_seconds: float) -> float:
        return (self.messages + prior_rate * prior_consumer_seconds) / (self.consumer_seconds + prior_consumer_seconds)


@dataclass(frozen=True, slots=True)
class Baseline:
    """The moment an interval of evidence is measured from."""

    observation: Observation
    standings: Mapping[int, Standing]


@dataclass(frozen=True, slots=True)
class ConsumerRate:
    """What is known of one consumer's speed, in messages a second."""

    prior: float
    recent: Evidence = field(default_factory=Evidence)
    usual: Evidence = field(default_factory=Evidence)
    baseline: Baseline | None = None

    @classmethod
    def resumed(cls, usual_per_second: float, per_second: float) -> ConsumerRate:
        """What an earlier process knew. Both memories, since the recent one alone would make a slow hour the usual rate:
        the pool sized for it is never busy, and would never find out.
        """
        seconds = RESUMED_CONSUMER_SECONDS
        messages = (
            per_second * (seconds + RECENT_PRIOR_CONSUMER_SECONDS) - usual_per_second * RECENT_PRIOR_CONSUMER_SECONDS
        )
        return cls(prior=usual_per_second, recent=Evidence(max(0.0, messages), seconds))

    @property
    def per_second(self) -> float:
        return self.recent.rate(self.usual_per_second, RECENT_PRIOR_CONSUMER_SECONDS)

    @property
    def usual_per_second(self) -> float:
        return self.usual.rate(self.prior, USUAL_PRIOR_CONSUMER_SECONDS)

    def interrupted(self) -> ConsumerRate:
        """The estimate, with the interval under way left out."""
        return replace(self, baseline=None)

    def after(self, observation: Observation, standings: Mapping[int, Standing]) -> ConsumerRate:
        """The estimate with one more observation."""
        base, now = self.baseline, Baseline(observation, standings)
        if base is None or disturbed(base.observation, observation):
            return replace(self, baseline=now)
        seconds = observation.at_seconds - base.observation.at_seconds
        if seconds < EVIDENCE_SECONDS:
            return self
        return replace(self._learned(busy_work(base, now), seconds), baseline=now)

    def _learned(self, found: Evidence, seconds: float) -> ConsumerRate:
        if not found.messages:
            return replace(self, recent=self.recent.faded(seconds, RECENT_FADES_HALF_LIFE_SECONDS))
        credible = self._credible(found)
        return replace(
            self,
            recent=self.recent.faded(seconds, RECENT_HALF_LIFE_SECONDS).plus(credible),
            usual=self.usual.faded(seconds, USUAL_HALF_LIFE_SECONDS).plus(credible),
        )

    def _credible(self, found: Evidence) -> Evidence:
        expected = self.per_second * found.consumer_seconds
        low, high = expected / CREDIBLE_FACTOR, expected * CREDIBLE_FACTOR
        return Evidence(min(max(found.messages, low), high), found.consumer_seconds)


def disturbed(before: Observation, after: Observation) -> bool:
    """Whether the pool or the topic changed in between: then nobody read undisturbed for the whole interval."""
    return (
        before.topic_id != after.topic_id
        or before.ready_replicas != after.ready_replicas
        or before.member_count != after.member_count
        or before.assignment != after.assignment
    )


def busy_work(base: Baseline, now: Baseline) -> Evidence:
    """What consumers read that had work all the time between two undisturbed observations.

    A consumer was busy throughout if one of its partitions moved and still holds messages that were there at the
    beginning: it never came to the end. Its other partitions count as well, since they shared its time. Idle
    consumers, paused partitions (no movement), rewound offsets and ones that retention cut are left out.
    """
    moved: dict[str, float] = defaultdict(float)
    busy: set[str] = set()
    for number, owner in _owners(base, now).items():
        read = _read(number, base, now)
        moved[owner] += read
        if read and now.standings[number].position <= base.standings[number].end - 1:
            busy.add(owner)
    seconds = now.observation.at_seconds - base.observation.at_seconds
    return Evidence(sum(moved[owner] for owner in busy), seconds * _consumers(busy, now.observation))


# Stands for the whole pool where the brokers don't say who reads what.
_ALL = ""


def _owners(base: Baseline, now: Baseline) -> dict[int, str]:
    assignment = now.observation.assignment
    if any(assignment.values()):
        return {number: owner for number, owner in assignment.items() if owner is not None}
    # One idle partition may mean one idle consumer, and nobody can say which: only a wholly busy pool is evidence.
    all_busy = all(
        _read(number, base, now) and now.standings[number].position < base.standings[number].end
        for number in assignment
    )
    return dict.fromkeys(assignment, _ALL) if all_busy else {}


def _consumers(busy: set[str], observation: Observation) -> int:
    if busy != {_ALL}:
        return len(busy)
    return min(observation.member_count or observation.ready_replicas, len(observation.partitions))


def _read(number: int, base: Baseline, now: Baseline) -> int:
    """Messages read from a partition, 0 where the offsets can't tell."""
    log_start = next(part.log_start for part in now.observation.partitions if part.partition == number)
    began = base.standings[number].position
    if log_start > began:
        return 0
    return max(0, now.standings[number].position - began)
