"""One scaler on one trace: the loop, and what is measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from lagscaler.policy.settings import PolicySettings
from lagscaler.simulate.hpa import HorizontalPodAutoscaler
from lagscaler.simulate.scalers import POLL_SECONDS
from lagscaler.simulate.setup import Setup
from lagscaler.simulate.traces import CONSUMER_RATE, PARTITIONS
from lagscaler.simulate.world import World

if TYPE_CHECKING:
    from lagscaler.simulate.scalers import Scaler
    from lagscaler.simulate.traces import Trace
DRAIN_TARGET_SECONDS = 120.0
# The pool is behind while its oldest unread message is older than this.
BEHIND_SECONDS = 15
SETUP = Setup()


def settings(guess: float = 1.0) -> PolicySettings:
    """The defaults; `guess` is the configured rate of a consumer over its true one."""
    return PolicySettings(
        max_replicas=PARTITIONS, rate_per_consumer=guess * CONSUMER_RATE, drain_seconds=DRAIN_TARGET_SECONDS
    )


@dataclass(frozen=True, slots=True)
class Sample:
    """`desired`: what the HPA was told last."""

    second: int
    arrivals: float
    lag: int
    replicas: int
    ready: int
    desired: int | None


@dataclass(frozen=True, slots=True)
class Result:
    """drain_seconds: the longest time the pool was behind in one go while it could read at all.
    behind_seconds: all such times together, which counts falling behind again and again.
    consumer_seconds: pods times seconds, starting ones too. changes: of replicas. worst_lag: in messages.
    """

    trace: str
    scaler: str
    drain_seconds: int
    behind_seconds: int
    consumer_seconds: int
    changes: int
    worst_lag: int
    samples: tuple[Sample, ...] = field(repr=False)


@dataclass(slots=True)
class _Measures:
    behind: int = 0
    drain: int = 0
    behind_in_all: int = 0
    cost: int = 0
    changes: int = 0
    worst_lag: float = 0.0
    samples: list[Sample] = field(default_factory=list)

    def take(self, world: World, trace: Trace, second: int) -> None:
        """The figures of one second."""
        lag = sum(partition.lag for partition in world.partitions)
        self.worst_lag = max(self.worst_lag, lag)
        self.cost += len(world.pods)
        late = any(partition.older_than(BEHIND_SECONDS, second) for partition in world.partitions)
        self._take_behind(late, trace.speed(second))

    def sample(self, world: World, arrivals: float, desired: int | None, second: int) -> None:
        """What can be seen of that second."""
        lag = int(sum(partition.lag for partition in world.partitions))
        self.samples.append(Sample(second, arrivals, lag, len(world.pods), len(world.ready(second)), desired))

    def _take_behind(self, late: bool, speed: float) -> None:
        if speed == 0.0:  # no scaler can drain while nothing can be read: the clock starts afterwards
            self.behind = 0
        else:
            self.behind = self.behind + 1 if late else 0
        self.drain = max(self.drain, self.behind)
        self.behind_in_all += self.behind > 0


def run(trace: Trace, scaler: Scaler, setup: Setup = SETUP, seed: int = 1) -> Result:
    """The trace from its first to its last second; the same seed gives the same result."""
    random = Random(seed)  # noqa: S311 - a simulation, no secret
    # The HPA looks when it looks: a trace must not favour who happens to be asked at the right second.
    sync_offset, poll_offset = random.randrange(setup.sync_seconds), random.randrange(POLL_SECONDS)
    world = World(trace, setup, seed)
    pool = HorizontalPodAutoscaler(1, setup.max_replicas, setup.behavior)
    measures, desired = _Measures(), None
    for second in range(trace.seconds):
        world.step(second)
        looks = second % setup.sync_seconds == sync_offset
        if looks or second % POLL_SECONDS == poll_offset:
            scaler.poll(world, second)
        if looks:
            current, desired = len(world.pods), scaler.propose(world, second)
            world.scale(pool.replicas(second, current, desired), second)
            measures.changes += len(world.pods) != current
        measures.take(world, trace, second)
        if second % setup.sample_seconds == 0:
            measures.sample(world, trace.arrivals(second), desired, second)
    return Result(
        trace.name,
        scaler.name,
        measures.drain,
        measures.behind_in_all,
        measures.cost,
        measures.changes,
        int(measures.worst_lag),
        tuple(measures.samples),
    )
