"""What a LagAutoscaler's status says (pure): conditions by the API conventions, figures, and what was learned.

https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lagscaler.policy.plan import Plan, Reason
from lagscaler.policy.settings import Problem

Json = dict[str, Any]

READY = "Ready"
SPEC_VALID = "SpecValid"
TARGET_FOUND = "TargetFound"
OBSERVING = "Observing"
SCALING_ACTIVE = "ScalingActive"
HPA_OWNED = "HPAOwned"
TOPIC_GROWN = "TopicGrown"

# In this order: the first that is not true is what Ready tells. Observing is not among them: a number that is held is one.
_MAKE_READY = (SPEC_VALID, TARGET_FOUND, HPA_OWNED, TOPIC_GROWN, SCALING_ACTIVE)
_LONGEST_MESSAGE = 2000

_MEANINGS = {
    Reason.KEEPING_UP: "the consumers keep up with what arrives",
    Reason.DRAINING: "a backlog is being read",
    Reason.WARMING_UP: "too little is known yet to take consumers away",
    Reason.STALLED: "there is work, and nothing of it is read: more consumers would wait as well",
    Reason.AT_MAXIMUM: "the work needs more than maxReplicas, or than there are partitions",
    Reason.HOLDING: "Kafka can't be asked; the last number is served for holdSeconds",
    Reason.UNKNOWN: "no number is served, and the HPA holds still",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One condition as found now. `status`: None is Unknown."""

    type: str
    status: bool | None
    reason: str
    message: str


def good(kind: str, reason: str, message: str = "") -> Finding:
    return Finding(kind, True, reason, message)


def bad(kind: str, reason: str, message: str) -> Finding:
    return Finding(kind, False, reason, message)


def invalid_spec(problems: Sequence[Problem]) -> Finding:
    """Names every bad field."""
    return bad(SPEC_VALID, "InvalidSpec", "; ".join(f"{problem.field}: {problem.remedy}" for problem in problems))


def scaling(plan: Plan | None) -> Finding:
    """Whether there is a number, and why it is what it is."""
    if plan is None:
        return Finding(SCALING_ACTIVE, None, "Starting", "Kafka was not asked yet")
    return Finding(SCALING_ACTIVE, plan.desired is not None, plan.reason.value, _MEANINGS[plan.reason])


def ready(findings: Iterable[Finding]) -> Finding:
    """The first finding that is not true, or the policy's reason."""
    by_type = {finding.type: finding for finding in findings}
    found = [by_type[kind] for kind in _MAKE_READY if kind in by_type]
    wrong = next((finding for finding in found if not finding.status), None)
    if wrong is None:
        return Finding(READY, True, found[-1].reason, found[-1].message)
    message = wrong.message
    observing = by_type.get(OBSERVING)
    if wrong.type == SCALING_ACTIVE and observing is not None and observing.status is False:
        # "No number" is the consequence; what a reader can act on is why Kafka could not be asked.
        return Finding(READY, False, observing.reason, observing.message)
    return Finding(READY, wrong.status, wrong.reason, message)


def conditions(
    findings: Sequence[Finding], before: Sequence[Mapping[str, Any]], generation: int, now: datetime
) -> list[Json]:
    """The conditions with Ready first; lastTransitionTime moves only where the status changed."""
    known = {condition.get("type"): condition for condition in before}
    return [_condition(finding, known.get(finding.type), generation, now) for finding in (ready(findings), *findings)]


def _condition(finding: Finding, before: Mapping[str, Any] | None, generation: int, now: datetime) -> Json:
    status = "Unknown" if finding.status is None else str(finding.status)
    same = before is not None and before.get("status") == status
    return {
        "type": finding.type,
        "status": status,
        "observedGeneration": generation,
        "lastTransitionTime": before["lastTransitionTime"] if same and before is not None else timestamp(now),
        "reason": finding.reason,
        "message": finding.message[:_LONGEST_MESSAGE],
    }


def figures(plan: Plan | None, observed_at: datetime | None) -> Json:
    """The plan in the status' words; a figure that is not known is null, which removes it."""
    latest = plan.state.latest if plan else None
    known = plan.figures if plan else None
    return {
        "lag": known.lag if known else None,
        "arrivalRate": round(known.arrivals_per_second, 1) if known else None,
        "ratePerConsumer": round(known.rate_per_consumer, 1) if known else None,
        "pausedPartitions": sorted(known.paused_partitions) if known else None,
        "partitions": len(latest.partitions) if latest else None,
        "desiredReplicas": plan.desired if plan else None,
        "lastObservedTime": timestamp(observed_at) if observed_at else None,
    }


def timestamp(moment: datetime) -> str:
    """RFC 3339 with whole seconds, as metav1.Time has it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
