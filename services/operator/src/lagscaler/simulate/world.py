"""Kafka and a pool of pods, a second at a time: partitions, arrivals, start-up delays, rebalances."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from lagscaler.policy.observations import Observation, PartitionOffsets

if TYPE_CHECKING:
    from lagscaler.simulate.setup import Setup
    from lagscaler.simulate.traces import Trace

REBALANCE_SECONDS = 5
RATE_NOISE = 0.05
ARRIVAL_NOISE = 0.05


@dataclass(slots=True)
class Pod:
    name: str
    ready_at: int


@dataclass(slots=True)
class Partition:
    """`produced[s]` is the end offset after second s, which tells how old the next message is."""

    end: float = 0.0
    position: float = 0.0
    owner: str | None = None
    resumes_at: int = 0
    produced: list[float] = field(default_factory=list)

    @property
    def lag(self) -> float:
        return self.end - self.position

    def older_than(self, seconds: int, second: int) -> bool:
        """Whether a message waits that was there `seconds` ago."""
        return self.lag > 0 and second >= seconds and self.produced[second - seconds] > self.position + 1e-6


class World:
    """Mutable on purpose: it is the outside world. Consumers commit after every second's batch."""

    def __init__(self, trace: Trace, setup: Setup, seed: int) -> None:
        self._trace, self._setup, self._seed = trace, setup, seed
        self._arrival_noise, self._rate_noise = _random(seed, "arrivals"), _random(seed, "rates")
        self._made = 0
        self.partitions = [Partition() for _ in range(setup.partitions)]
        self.pods: list[Pod] = []
        self._members: list[str] = []
        self._read_by: dict[str, float] = {}
        for _ in range(trace.start_replicas):
            self._add_pod(ready_at=0)
        self._join(second=0)
        for partition in self.partitions:
            partition.resumes_at = 0

    def step(self, second: int) -> None:
        """One second: messages arrive, pods become ready, consumers read."""
        self._produce(second)
        self._join(second)
        self._consume(second)

    def scale(self, replicas: int, second: int) -> None:
        """The Deployment's change: new pods start, the newest go first."""
        while len(self.pods) < replicas:
            self._add_pod(second + _random(self._seed, f"pod {self._made}").randint(*self._setup.start_seconds))
        del self.pods[replicas:]

    def observe(self, second: int) -> Observation:
        return Observation(
            at_seconds=float(second),
            topic_id="topic",
            partitions=tuple(
                PartitionOffsets(number, 0, int(part.end), int(part.position), part.owner)
                for number, part in enumerate(self.partitions)
            ),
            ready_replicas=len(self._members),
            current_replicas=len(self.pods),
            member_count=len(self._members),
        )

    def ready(self, second: int) -> list[Pod]:
        return [pod for pod in self.pods if pod.ready_at <= second]

    def cpu(self, pod: Pod) -> float:
        """A pod's use of its CPU request in the last second: it follows what the pod reads, waiting costs none."""
        return self._read_by.get(pod.name, 0.0) / self._setup.consumer_rate

    def _add_pod(self, ready_at: int) -> None:
        self.pods.append(Pod(f"consumer-{self._made}", ready_at))
        self._made += 1

    def _produce(self, second: int) -> None:
        noise = _noise(self._arrival_noise, ARRIVAL_NOISE)
        even = self._trace.arrivals(second) / len(self.partitions)
        for number, partition in enumerate(self.partitions):
            extra = self._trace.extra_on_first(second) if number == 0 else 0.0
            partition.end += (even + extra) * noise
            partition.produced.append(partition.end)

    def _join(self, second: int) -> None:
        """Deal the partitions out by count, moving as few as possible, when the members have changed."""
        members = [pod.name for pod in self.ready(second)]
        if members == self._members:
            return
        self._members = members
        before = [partition.owner for partition in self.partitions]
        self._assign(members)
        for partition, owner in zip(self.partitions, before, strict=True):
            if self._setup.rebalance == "stop-the-world" or partition.owner != owner:
                partition.resumes_at = second + REBALANCE_SECONDS

    def _assign(self, members: list[str]) -> None:
        small, larger = divmod(len(self.partitions), len(members)) if members else (0, 0)
        room = {name: small + (1 if index < larger else 0) for index, name in enumerate(members)}
        for partition in self.partitions:
            if partition.owner is not None and room.get(partition.owner, 0):
                room[partition.owner] -= 1
            else:
                partition.owner = None
        for partition in self.partitions:
            if partition.owner is None and (free := max(room, key=lambda name: room[name], default=None)):
                partition.owner = free
                room[free] -= 1

    def _consume(self, second: int) -> None:
        self._read_by = {}
        owned: dict[str, list[Partition]] = {}
        for partition in self.partitions:
            if partition.owner is not None and partition.resumes_at <= second and partition.lag > 0:
                owned.setdefault(partition.owner, []).append(partition)
        for name, partitions in owned.items():
            capacity = self._setup.consumer_rate * self._trace.speed(second) * _noise(self._rate_noise, RATE_NOISE)
            self._read_by[name] = _read(partitions, capacity)


def _random(seed: int, use: str) -> Random:
    """A stream for each use: the noise that one scaler meets does not depend on what it has asked for before."""
    return Random(f"{seed} {use}")  # noqa: S311 - a simulation, no secret


def _noise(random: Random, share: float) -> float:
    return 1.0 + random.uniform(-share, share)


def _read(partitions: list[Partition], capacity: float) -> float:
    """Share a consumer's capacity evenly among its partitions; what one does not need, the others get."""
    wanted = sum(partition.lag for partition in partitions)
    if wanted <= capacity:
        for partition in partitions:
            partition.position = partition.end
        return wanted
    left = capacity
    by_lag = sorted(partitions, key=lambda partition: partition.lag)
    for index, partition in enumerate(by_lag):
        taken = min(partition.lag, left / (len(by_lag) - index))
        partition.position += taken
        left -= taken
    return capacity - left
