"""What a LagAutoscaler's status remembers for a restarted operator: one consumer's speed (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lagscaler.policy.plan import Plan
from lagscaler.policy.rates import ConsumerRate
from lagscaler.spec import Spec


def to_status(spec: Spec, plan: Plan) -> dict[str, Any] | None:
    """What was learned, and what it was learned of; None when there is nothing new to keep."""
    if plan.figures is None or plan.state.latest is None:
        return None
    return {
        "topic": spec.kafka.topic,
        "topicId": plan.state.latest.topic_id,
        "group": spec.kafka.group,
        "configuredRate": spec.policy.rate_per_consumer,
        "usualRate": round(plan.state.rate.usual_per_second, 3),
        "ratePerConsumer": round(plan.figures.rate_per_consumer, 3),
    }


def from_status(spec: Spec, status: Mapping[str, Any]) -> ConsumerRate | None:
    """What to go on from. None if it was learned of another topic or group, or if somebody has
    changed the configured guess since: then the guess is what they mean.
    """
    learned = status.get("learned") or {}
    same = (learned.get("topic"), learned.get("group"), learned.get("configuredRate")) == (
        spec.kafka.topic,
        spec.kafka.group,
        spec.policy.rate_per_consumer,
    )
    rate = _positive(learned.get("ratePerConsumer"))
    # A status of before there were two memories has one.
    usual = _positive(learned.get("usualRate")) or rate
    return ConsumerRate.resumed(usual, rate) if same and usual and rate else None


def _positive(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None
