"""Which partitions and workers make no progress although they could (pure). Progress means offsets: those of the ledger."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# One that stores batches of other partitions all the while may have much of them in its queue, before this one's records.
_BUSY_FACTOR = 4
# A partition that no worker of this pool has may belong to another pool, or wait for a dead member's session to end.
_UNASSIGNED_FACTOR = 2
_ELSEWHERE_FACTOR = 3
_BACKOFF_LIMIT_FACTOR = 32
# Replaced so often without any progress: no new client helps. The process as a whole is started again.
_GIVE_UP_REPLACEMENTS = 3


@dataclass(frozen=True)
class Look:
    """What Kafka and PostgreSQL said, both of them, at ``at_seconds``: by partition, the log's end and the ledger's offset.

    A partition whose end Kafka could not tell is left out of ``ends``.
    """

    at_seconds: float
    ends: Mapping[int, int]
    positions: Mapping[int, int]

    def lag(self) -> dict[int, int]:
        """How many records of each partition wait."""
        return {partition: max(0, end - self.positions.get(partition, 0)) for partition, end in self.ends.items()}


@dataclass(frozen=True)
class WorkerState:
    """A worker process: when it made its first step, its partitions, and whether a batch of its is with PostgreSQL now."""

    index: int
    started_at_seconds: float
    partitions: frozenset[int]
    writing: bool


@dataclass(frozen=True)
class Stalled:
    """A worker that should be replaced, and the partitions that it should have read."""

    index: int
    partitions: tuple[int, ...]
    seconds: float


class Progress:
    """Compares looks. ``limit_seconds``: how long a worker may leave records unread while all around it answers."""

    def __init__(self, limit_seconds: float) -> None:
        self._limit_seconds = limit_seconds
        self._positions: dict[int, int] = {}
        self._moved_at: dict[int, float] = {}
        self._unmoved_since: dict[int, float] = {}
        self._owners: dict[int, int | None] = {}
        self._owned_since: dict[int, float] = {}
        self._replaced_for: dict[int, frozenset[int]] = {}
        self._replacements: dict[int, int] = {}
        self._next_replacement: dict[int, float] = {}
        self._next_of_others = -math.inf
        self.stuck: tuple[int, ...] = ()

    @property
    def is_hopeless(self) -> bool:
        """Whether replacing workers has not helped."""
        return any(count >= _GIVE_UP_REPLACEMENTS for count in self._replacements.values())

    def interrupted(self) -> None:
        """Kafka or PostgreSQL did not answer: what stands still then is no worker's fault, and all times begin anew."""
        self._unmoved_since.clear()
        self._owned_since.clear()
        self._replaced_for.clear()
        self._next_replacement.clear()
        self._replacements.clear()
        self.stuck = ()

    def after(self, look: Look, workers: Iterable[WorkerState]) -> list[Stalled]:
        """The workers to replace now."""
        pool = list(workers)
        unmoved = self._unmoved_seconds(look)
        self.stuck = tuple(sorted(p for p, seconds in unmoved.items() if seconds >= self._limit_seconds))
        self._forgive()
        waited = self._since_owned(unmoved, pool, look.at_seconds)
        stalled = [found for worker in pool if (found := self._judge_owner(worker, waited, look.at_seconds))]
        return stalled or self._judge_others(pool, waited, look.at_seconds)

    def _unmoved_seconds(self, look: Look) -> dict[int, float]:
        """How long each partition with a backlog has not moved."""
        unmoved = {}
        for partition, records in look.lag().items():
            position = look.positions.get(partition, 0)
            if self._positions.get(partition, position) != position:
                self._moved_at[partition] = self._unmoved_since[partition] = look.at_seconds
            if records == 0:
                self._unmoved_since[partition] = look.at_seconds
            self._positions[partition] = position
            if records:
                unmoved[partition] = look.at_seconds - self._unmoved_since.setdefault(partition, look.at_seconds)
        return unmoved

    def _since_owned(self, unmoved: Mapping[int, float], pool: list[WorkerState], now: float) -> dict[int, float]:
        """The part of these times for which a partition has had its present owner: nobody answers for the one before."""
        owners = {partition: worker.index for worker in pool for partition in worker.partitions}
        waited = {}
        for partition, seconds in unmoved.items():
            owner = owners.get(partition)
            if self._owners.get(partition) != owner:
                self._owned_since[partition] = now
            self._owners[partition] = owner
            waited[partition] = min(seconds, now - self._owned_since.setdefault(partition, now))
        return waited

    def _forgive(self) -> None:
        """A worker counts as any other once nothing of what it was replaced for waits any more."""
        for index, partitions in list(self._replaced_for.items()):
            if partitions.isdisjoint(self.stuck):
                for memory in (self._replaced_for, self._replacements, self._next_replacement):
                    memory.pop(index, None)

    def _judge_owner(self, worker: WorkerState, waited: Mapping[int, float], now: float) -> Stalled | None:
        if worker.writing and not self._moves(worker, now):
            # It waits for PostgreSQL, and would begin the same transaction anew.
            return None
        limit_seconds = self._limit_seconds * (_BUSY_FACTOR if worker.writing else 1)
        unread = {p: seconds for p, seconds in waited.items() if p in worker.partitions and seconds >= limit_seconds}
        return self._replace(worker, unread, limit_seconds, now) if unread else None

    def _moves(self, worker: WorkerState, now: float) -> bool:
        return any(
            now - self._moved_at.get(partition, -math.inf) < self._limit_seconds for partition in worker.partitions
        )

    def _judge_others(self, pool: list[WorkerState], waited: Mapping[int, float], now: float) -> list[Stalled]:
        """A partition that is nobody's: perhaps a member does not find the group's coordinator any more."""
        if now < self._next_of_others:
            return []
        ours = frozenset[int]().union(*(worker.partitions for worker in pool))
        for worker in sorted(pool, key=lambda worker: len(worker.partitions)):
            factor = _ELSEWHERE_FACTOR if worker.partitions else _UNASSIGNED_FACTOR
            limit_seconds = factor * self._limit_seconds
            unread = {p: seconds for p, seconds in waited.items() if p not in ours and seconds >= limit_seconds}
            if unread and not worker.writing and (found := self._replace(worker, unread, limit_seconds, now)):
                # One at a time: perhaps it was this one.
                self._next_of_others = now + _UNASSIGNED_FACTOR * self._limit_seconds
                return [found]
        return []

    def _replace(
        self, worker: WorkerState, unread: Mapping[int, float], limit_seconds: float, now: float
    ) -> Stalled | None:
        if now - worker.started_at_seconds < limit_seconds or now < self._next_replacement.get(worker.index, now):
            return None
        self._replaced_for[worker.index] = frozenset(unread)
        count = self._replacements[worker.index] = self._replacements.get(worker.index, 0) + 1
        self._next_replacement[worker.index] = now + limit_seconds * min(2**count, _BACKOFF_LIMIT_FACTOR)
        return Stalled(worker.index, tuple(sorted(unread)), max(unread.values()))
