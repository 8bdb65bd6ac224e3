"""One scaler on one trace: the loop, and what is measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from lagscaler.policy.settings import PolicySettings
from lagscaler.simulate.hpa import SYNC_SECONDS, HorizontalPodAutoscaler
from lagscaler.simulate.scalers import POLL_SECONDS
from lagscaler.simulate.traces import CONSUMER_RATE, PARTITIONS
from lagscaler.simulate.world import World

if TYPE_CHECKING:
    from lagscaler.simulate.scalers import Scaler
    from lagscaler.simulate.traces import Trace
    from lagscaler.simulate.world import Rebalance

DRAIN_TARGET_SECONDS = 120.0
# The pool is behind while its oldest unread message is older than this.
BEHIND_SECONDS = 15
SAMPLE_SECONDS = 15


def settings(guess: float = 1.0) -> PolicySettings:
    """The defaults; `guess` is the configured rate of a consumer over its true one."""
    return PolicySettings(
        max_replicas=PARTITIONS, rate_per_consumer=guess * CONSUMER_RATE, drain_seconds=DRAIN_TARGET_SECONDS
    )


@dataclass(frozen=True, slots=True)
class Sample:
    second: int
    arrivals: float
    lag: int
    replicas: int


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
        lag = sum(partition.lag for partition in world.partitions)
        self.worst_lag = max(self.worst_lag, lag)
        self.cost += len(world.pods)
        late = any(partition.older_than(BEHIND_SECONDS, second) for partition in world.partitions)
        self._take_behind(late, trace.speed(second))
        if second % SAMPLE_SECONDS == 0:
            self.samples.append(Sample(second, trace.arrivals(second), int(lag), len(world.pods)))

    def _take_behind(self, late: bool, speed: float) -> None:
        if speed == 0.0:  # no scaler can drain while nothing can be read: the clock starts afterwards
            self.behind = 0
        else:
            self.behind = self.behind + 1 if late else 0
        self.drain = max(self.drain, self.behind)
        self.behind_in_all += self.behind > 0


def run(trace: Trace, scaler: Scaler, rebalance: Rebalance = "incremental", seed: int = 1) -> Result:
    """The trace from its first to its last second; the same seed gives the same result."""
    random = Random(seed)  # noqa: S311 - a simulation, no secret
    # The HPA looks when it looks: a trace must not favour who happens to be asked at the right second.
    sync_offset, poll_offset = random.randrange(SYNC_SECONDS), random.randrange(POLL_SECONDS)
    world = World(trace, rebalance, seed)
    pool = HorizontalPodAutoscaler(min_replicas=1, max_replicas=PARTITIONS)
    measures = _Measures()
    for second in range(trace.seconds):
        world.step(second)
        if second % POLL_SECONDS == poll_offset or second % SYNC_SECONDS == sync_offset:
            scaler.poll(world, second)
        if second % SYNC_SECONDS == sync_offset:
            current = len(world.pods)
            replicas = pool.replicas(second, current, scaler.propose(world, second))
            world.scale(replicas, second)
            measures.changes += replicas != current
        measures.take(world, trace, second)
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
