"""Where the group will read on, and so how much is left: the cases in which `end - committed` lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lagscaler.policy.observations import Observation, PartitionOffsets


@dataclass(frozen=True, slots=True)
class Standing:
    """A partition's next offset to read and the messages behind it."""

    position: int
    end: int

    @property
    def backlog(self) -> int:
        return self.end - self.position


def standings(
    observation: Observation, stale_commits: Mapping[int, int], unread_from: Literal["earliest", "latest"]
) -> dict[int, Standing]:
    """Each partition's standing.

    `stale_commits` are commits that belong to a topic of the same name that was deleted since.
    """
    return {
        part.partition: Standing(_position(part, stale_commits.get(part.partition), unread_from), part.end)
        for part in observation.partitions
    }


def _position(part: PartitionOffsets, stale_commit: int | None, unread_from: Literal["earliest", "latest"]) -> int:
    committed = None if part.committed == stale_commit else part.committed
    # A commit beyond the end is out of range for the consumer too: it begins where a group without commits begins.
    if committed is None or committed > part.end:
        return part.log_start if unread_from == "earliest" else part.end
    # What retention took can't be read any more, and must not be waited for.
    return max(committed, part.log_start)


def stale_after(previous: Observation | None, current: Observation, stale: Mapping[int, int]) -> dict[int, int]:
    """The commits to disregard: those carried over from a deleted topic, until the group commits anew."""
    if previous is not None and previous.topic_id != current.topic_id:
        stale = {part.partition: part.committed for part in previous.partitions if part.committed is not None}
    now = {part.partition: part.committed for part in current.partitions}
    return {number: commit for number, commit in stale.items() if now.get(number) == commit}
