"""Which partitions move, so that work that nobody does is not taken for work that more consumers would do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lagscaler.policy.positions import Standing

# Longer than a rebalance and a commit interval together, so that neither looks like a pause.
STALLED_AFTER_SECONDS = 30.0
PAUSED_AFTER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Progress:
    """When each partition last moved or had nothing to do, and when the group did; the observations' clock.

    Any move counts, a reset too: somebody touched the group, and its clock starts again.
    """

    positions: Mapping[int, int] = field(default_factory=dict)
    moved_at_seconds: Mapping[int, float] = field(default_factory=dict)
    group_moved_at_seconds: float | None = None

    def after(self, standings: Mapping[int, Standing], at_seconds: float) -> Progress:
        moved = {number for number, standing in standings.items() if self.positions.get(number) != standing.position}
        idle = {number for number, standing in standings.items() if standing.backlog == 0}
        # Idle partitions say nothing about the group, unless all are: one empty partition must not hide an outage.
        group_moved = bool(moved) or len(idle) == len(standings) or self.group_moved_at_seconds is None
        # Those that read on later than the first must not be taken for paused, or the backlog of an outage loses its readers
        # just when they could begin: while all stood still, nobody fell behind the others.
        not_counted_seconds = self._standstill_seconds(at_seconds) if moved else 0.0
        return Progress(
            positions={number: standing.position for number, standing in standings.items()},
            moved_at_seconds={
                number: at_seconds
                if number in moved | idle
                else self.moved_at_seconds.get(number, at_seconds) + not_counted_seconds
                for number in standings
            },
            group_moved_at_seconds=at_seconds if group_moved else self.group_moved_at_seconds,
        )

    def stalled(self, at_seconds: float) -> bool:
        """Nothing at all is read although there is work: a pause, an outage behind the consumers."""
        last = self.group_moved_at_seconds
        return last is not None and at_seconds - last >= STALLED_AFTER_SECONDS

    def _standstill_seconds(self, at_seconds: float) -> float:
        """How long the group has been stalled: what is beyond the usual time between two moves."""
        last = self.group_moved_at_seconds
        return max(0.0, at_seconds - last - STALLED_AFTER_SECONDS) if last is not None else 0.0

    def paused(self, at_seconds: float) -> frozenset[int]:
        """The partitions that hold work and stand still while others move."""
        if self.stalled(at_seconds):
            return frozenset()
        return frozenset(
            number for number, moved in self.moved_at_seconds.items() if at_seconds - moved >= PAUSED_AFTER_SECONDS
        )
