"""Each LagAutoscaler's figures for Prometheus, as they are when it asks."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lagscaler.numbered import Numbered, Numbers
from lagscaler.policy.plan import Reason

_LABELS = ("namespace", "name")
_GAUGES = {
    "lagscaler_desired_replicas": "Replicas that the work needs; missing while there is no number",
    "lagscaler_lag_messages": "Messages that are not read yet",
    "lagscaler_arrival_rate": "Messages that arrive in a second",
    "lagscaler_rate_per_consumer": "Messages that one consumer reads in a second",
    "lagscaler_paused_partitions": "Partitions that hold work and stand still while others move",
    "lagscaler_current_replicas": "Replicas of the target",
    "lagscaler_ready_replicas": "Replicas of the target that are ready",
    "lagscaler_last_observed_timestamp_seconds": "When Kafka last answered",
}


def registry(numbers: Numbers) -> CollectorRegistry:
    """The figures, and the process' own."""
    made = CollectorRegistry()
    ProcessCollector(registry=made)
    PlatformCollector(registry=made)
    made.register(_Figures(numbers))
    return made


class _Figures(Collector):
    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers

    def collect(self) -> Iterator[Metric]:
        gauges = {name: GaugeMetricFamily(name, text, labels=_LABELS) for name, text in _GAUGES.items()}
        reasons = GaugeMetricFamily(
            "lagscaler_plan_reason", "1 for the reason of the number", labels=(*_LABELS, "reason")
        )
        for one in self._numbers:
            labels = (one.identity.namespace, one.identity.name)
            for name, value in _values(one).items():
                if value is not None:
                    gauges[name].add_metric(labels, value)
            plan = one.scaler.plan if one.scaler else None
            for reason in Reason:
                reasons.add_metric((*labels, reason.value), float(plan is not None and plan.reason is reason))
        yield from gauges.values()
        yield reasons


def _values(one: Numbered) -> dict[str, float | None]:
    scaler = one.scaler
    plan = scaler.plan if scaler else None
    figures = plan.figures if plan else None
    replicas = scaler.replicas if scaler else None
    found: dict[str, float | None] = {
        "lagscaler_desired_replicas": plan.desired if plan else None,
        "lagscaler_current_replicas": replicas.current if replicas else None,
        "lagscaler_ready_replicas": replicas.ready if replicas else None,
    }
    if figures:
        found["lagscaler_lag_messages"] = figures.lag
        found["lagscaler_arrival_rate"] = figures.arrivals_per_second
        found["lagscaler_rate_per_consumer"] = figures.rate_per_consumer
        found["lagscaler_paused_partitions"] = len(figures.paused_partitions)
    if scaler and scaler.observed_at:
        found["lagscaler_last_observed_timestamp_seconds"] = scaler.observed_at.timestamp()
    return found
