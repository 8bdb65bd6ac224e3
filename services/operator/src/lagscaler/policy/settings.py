"""The policy's settings and what can be wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Problem:
    """One bad setting: its name, and what to do about it."""

    field: str
    remedy: str


class SettingsError(ValueError):
    """All bad settings at once, so that one edit can mend them."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{problem.field}: {problem.remedy}" for problem in problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    """What the owner of a pool decides; everything else is learned.

    min_replicas, max_replicas: the range that is ever asked for.
    rate_per_consumer: messages a second one group member reads, as a first guess; learning goes on from it. Rather too
    high than too low: the backlog that a high guess makes corrects it, a low one keeps the pool too large to find out.
    drain_seconds: the time in which a backlog should be gone, start of pods included.
    utilization: the share of a consumer's rate that planned work may fill, 0 to 1.
    startup_seconds: from asking for a pod until it reads; taken off the drain time.
    members_per_replica: group members (worker processes, threads) in one pod.
    unread_from: where the consumers begin without a commit, their `auto.offset.reset`.
    tolerance: the work may exceed what a number of replicas is planned for by this share before more are asked for.
    hold_seconds: how long the last good value is served when Kafka can't be asked.
    Raises SettingsError that lists every bad field.
    """

    max_replicas: int
    rate_per_consumer: float
    min_replicas: int = 1
    drain_seconds: float = 120.0
    utilization: float = 0.8
    startup_seconds: float = 30.0
    members_per_replica: int = 1
    unread_from: Literal["earliest", "latest"] = "earliest"
    tolerance: float = 0.1
    hold_seconds: float = 60.0

    def __post_init__(self) -> None:
        if problems := tuple(self._problems()):
            raise SettingsError(problems)

    def _problems(self) -> list[Problem]:
        rules = [
            (self.min_replicas >= 0, "min_replicas", "must be 0 or more"),
            (
                self.max_replicas >= max(1, self.min_replicas),
                "max_replicas",
                "must be 1 or more and not below the minimum",
            ),
            (
                self.rate_per_consumer > 0,
                "rate_per_consumer",
                "must be above 0; take it from a load test of one consumer",
            ),
            (self.drain_seconds > 0, "drain_seconds", "must be above 0"),
            (0 < self.utilization <= 1, "utilization", "must be above 0 and at most 1; 0.8 leaves a fifth spare"),
            (self.startup_seconds >= 0, "startup_seconds", "must be 0 or more"),
            (self.members_per_replica >= 1, "members_per_replica", "must be 1 or more"),
            (self.unread_from in ("earliest", "latest"), "unread_from", "must be earliest or latest"),
            (0 <= self.tolerance <= 1, "tolerance", "must be from 0 to 1"),
            (self.hold_seconds >= 0, "hold_seconds", "must be 0 or more"),
        ]
        return [Problem(field, remedy) for good, field, remedy in rules if not good]
