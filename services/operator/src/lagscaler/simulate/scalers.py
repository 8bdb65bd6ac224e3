"""What feeds the HPA: our policy, KEDA's kafka rule, a CPU target. Each proposes replicas or None for no answer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from lagscaler.policy.plan import plan
from lagscaler.simulate import hpa

if TYPE_CHECKING:
    from lagscaler.policy.settings import PolicySettings
    from lagscaler.policy.state import State
    from lagscaler.simulate.world import World

# The operator asks Kafka this often, and once more when the HPA asks the operator.
POLL_SECONDS = 5


class Scaler(Protocol):
    """`poll` is called every POLL_SECONDS and right before `propose`, `propose` at each of the HPA's syncs."""

    @property
    def name(self) -> str: ...

    def poll(self, world: World, second: int) -> None: ...

    def propose(self, world: World, second: int) -> int | None: ...


class PlannedScaler:
    """Our policy: desired replicas as a metric with the target averageValue 1."""

    name = "plan"

    def __init__(self, settings: PolicySettings) -> None:
        self._settings = settings
        self._state: State | None = None
        self._desired: int | None = None

    def poll(self, world: World, second: int) -> None:
        result = plan([world.observe(second)], self._settings, self._state, float(second))
        self._state, self._desired = result.state, result.desired

    def propose(self, world: World, second: int) -> int | None:
        del second
        return None if self._desired is None else hpa.average_value(self._desired, 1.0, len(world.pods))


class KedaScaler:
    """KEDA's kafka scaler: total lag with the target averageValue `threshold`, no more than one consumer a partition.

    Source: kedacore/keda pkg/scalers/kafka_scaler.go, getTotalLag; `even` is its ensureEvenDistributionOfPartitions.
    """

    def __init__(self, threshold: int, *, even: bool = False) -> None:
        self._threshold, self._even = threshold, even
        self.name = f"KEDA {threshold}{' even' if even else ''}"

    def poll(self, world: World, second: int) -> None:
        """KEDA remembers nothing: it asks Kafka when the HPA asks it."""

    def propose(self, world: World, second: int) -> int | None:
        observation = world.observe(second)
        lag = sum(part.end - (part.committed or 0) for part in observation.partitions)
        partitions = len(observation.partitions)
        if self._even:
            lag = _next_factor(math.ceil(lag / self._threshold), partitions) * self._threshold
        return hpa.average_value(min(lag, partitions * self._threshold), self._threshold, len(world.pods))


def _next_factor(count: int, partitions: int) -> int:
    """The next number of consumers that divides the partitions without a remainder."""
    return next((number for number in range(max(1, count), partitions) if partitions % number == 0), partitions)


class CpuScaler:
    """The HPA's own resource metric: the CPU that the ready pods use, the mean of the last two looks."""

    def __init__(self, target: float) -> None:
        self._target = target
        self.name = f"CPU {target:.0%}"
        self._history: dict[str, list[float]] = {}

    def poll(self, world: World, second: int) -> None:
        """CPU knows nothing of Kafka."""

    def propose(self, world: World, second: int) -> int | None:
        ready = world.ready(second)
        for pod in ready:
            self._history[pod.name] = [*self._history.get(pod.name, []), world.cpu(pod)][-2:]
        used = [sum(self._history[pod.name]) / len(self._history[pod.name]) for pod in ready]
        return hpa.utilization(used, len(world.pods) - len(ready), self._target, len(world.pods))
