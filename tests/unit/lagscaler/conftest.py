from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from lagscaler.policy.observations import Observation, PartitionOffsets
from lagscaler.policy.plan import Plan, plan
from lagscaler.policy.settings import PolicySettings
from lagscaler.policy.state import State


@dataclass
class Pipeline:
    """A topic, a group and the policy that watches them; every `pass_seconds` is one observation and one plan."""

    settings: PolicySettings
    partitions: list[PartitionOffsets]
    replicas: int = 2
    topic_id: str = "first"
    members_known: bool = True
    now: float = 1000.0
    state: State | None = None
    plans: list[Plan] = field(default_factory=list)

    def observe(self) -> Observation:
        shown = [replace(part, owner=self._owner(part.partition)) for part in self.partitions]
        members = self.replicas if self.members_known else None
        return Observation(self.now, self.topic_id, tuple(shown), self.replicas, self.replicas, members)

    def plan(self) -> Plan:
        return self._keep(plan([self.observe()], self.settings, self.state, self.now))

    def plan_without_kafka(self) -> Plan:
        return self._keep(plan([], self.settings, self.state, self.now))

    def pass_seconds(self, seconds: float, arrive: float = 0.0, read: float = 0.0) -> Plan:
        """`arrive` and `read` are messages a second and partition; nobody reads beyond the end."""
        self.now += seconds
        self.partitions = [
            self._moved(part, round(arrive * seconds), round(read * seconds)) for part in self.partitions
        ]
        return self.plan()

    def change(self, number: int, **fields: int | None) -> None:
        self.partitions[number] = replace(self.partitions[number], **fields)  # type: ignore[arg-type]  # a test's shorthand

    def _keep(self, result: Plan) -> Plan:
        self.state = result.state
        self.plans.append(result)
        return result

    def _owner(self, number: int) -> str | None:
        return f"member-{number % self.replicas}" if self.members_known and self.replicas else None

    @staticmethod
    def _moved(part: PartitionOffsets, arrived: int, read: int) -> PartitionOffsets:
        end = part.end + arrived
        committed = None if part.committed is None else max(part.committed, min(end, part.committed + read))
        return replace(part, end=end, committed=committed)


class Pipelines:
    """Makes a pipeline whose consumers read 100 messages a second, unless a test says otherwise."""

    def __call__(self, partitions: int = 4, backlog: int = 0, **settings: object) -> Pipeline:
        defaults: dict[str, object] = {"max_replicas": 12, "rate_per_consumer": 100.0, "drain_seconds": 120.0}
        return Pipeline(
            PolicySettings(**{**defaults, **settings}),  # type: ignore[arg-type]  # a test's shorthand
            [PartitionOffsets(number, 0, 1000 + backlog, 1000) for number in range(partitions)],
        )


@pytest.fixture
def pipelines() -> Pipelines:
    return Pipelines()
