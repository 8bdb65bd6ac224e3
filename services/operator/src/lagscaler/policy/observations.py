"""What the policy is told about Kafka and the pool: plain data, filled in by an adapter."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartitionOffsets:
    """One partition as the brokers describe it; all offsets count messages.

    `committed` is the group's committed offset, None where it has none. `owner` is the group member that reads the
    partition, None where nobody does or the broker does not say. Ask for `committed` before `end`: the other way
    round a busy group seems to be ahead of its own topic.
    """

    partition: int
    log_start: int
    end: int
    committed: int | None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """One topic, one group and its pool at one moment.

    `topic_id` changes when a topic is deleted and made again ("" from brokers that have no ids). `member_count` is
    the group's members, None when it could not be asked. Raises ValueError without partitions: a topic that does
    not exist is a failed observation, not an empty one, and must never read as "nothing to do".
    """

    at_seconds: float
    topic_id: str
    partitions: tuple[PartitionOffsets, ...]
    ready_replicas: int
    current_replicas: int
    member_count: int | None = None

    def __post_init__(self) -> None:
        if not self.partitions:
            raise ValueError("an observation needs at least one partition; report a missing topic as a failure")

    @property
    def assignment(self) -> dict[int, str | None]:
        """Who reads what; two observations with different assignments have a rebalance between them."""
        return {part.partition: part.owner for part in self.partitions}
