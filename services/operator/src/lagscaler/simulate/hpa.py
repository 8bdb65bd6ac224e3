"""The HPA's algorithm (autoscaling/v2) as far as one metric needs it.

Source: kubernetes pkg/controller/podautoscaler, replica_calculator.go and horizontal.go, with the defaults of
kube-controller-manager and of `behavior`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SYNC_SECONDS = 15
TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class Behavior:
    """Kubernetes' defaults: up at once by 4 pods or 100 % a 15 s, down by 100 % a 15 s after 300 s."""

    up_window_seconds: int = 0
    up_pods: int = 4
    up_percent: int = 100
    down_window_seconds: int = 300
    down_percent: int = 100
    period_seconds: int = 15


@dataclass(slots=True)
class HorizontalPodAutoscaler:
    """Keeps what the controller keeps: recommendations for stabilization, and scale events for the policies."""

    min_replicas: int
    max_replicas: int
    behavior: Behavior = field(default_factory=Behavior)
    _recommended: list[tuple[int, int]] = field(default_factory=list)
    _events: list[tuple[int, int]] = field(default_factory=list)

    def replicas(self, second: int, current: int, proposal: int | None) -> int:
        """The replicas to set; `proposal` is None when the metric can't be had: the controller then changes nothing."""
        if proposal is None:
            return current
        stable = self._stabilized(second, current, proposal)
        limited = min(max(self._limited(second, current, stable), self.min_replicas), self.max_replicas)
        if limited != current:
            self._events.append((second, limited - current))
        return limited

    def _stabilized(self, second: int, current: int, proposal: int) -> int:
        """Up to no more than the lowest, down to no less than the highest recommendation of each direction's window."""
        past = self._recommended or [(second, current)]
        up_from, down_from = second - self.behavior.up_window_seconds, second - self.behavior.down_window_seconds
        up = min([proposal, *(count for at, count in past if at > up_from)])
        down = max([proposal, *(count for at, count in past if at > down_from)])
        self._recommended = [(at, count) for at, count in past if at > min(up_from, down_from)] + [(second, proposal)]
        return min(max(current, up), down)

    def _limited(self, second: int, current: int, wanted: int) -> int:
        self._events = [(at, change) for at, change in self._events if at > second - self.behavior.period_seconds]
        start = current - sum(change for _, change in self._events)
        if wanted > current:
            most = max(start + self.behavior.up_pods, math.ceil(start * (1 + self.behavior.up_percent / 100)))
            return min(wanted, max(current, most))
        return max(wanted, min(current, math.floor(start * (1 - self.behavior.down_percent / 100))))


def average_value(metric: float, target: float, current: int) -> int:
    """An external metric with `target.averageValue`: the metric ÷ target, if that is far enough from `current`."""
    if current and abs(1.0 - metric / (target * current)) <= TOLERANCE:
        return current
    return math.ceil(metric / target)


def utilization(used: Sequence[float], starting: int, target: float, current: int) -> int | None:
    """A resource metric: `used` shares of the request by the ready pods, `starting` pods that have no say yet.

    On the way up, starting pods count as idle, so that they are not asked for twice.
    """
    if not used:
        return None
    ratio = sum(used) / len(used) / target
    if ratio <= 1.0 or not starting:
        return current if abs(1.0 - ratio) <= TOLERANCE else math.ceil(ratio * len(used))
    with_starting = sum(used) / (len(used) + starting) / target
    if with_starting <= 1.0 + TOLERANCE:
        return current
    return max(current, math.ceil(with_starting * (len(used) + starting)))
