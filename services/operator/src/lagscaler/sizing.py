"""How many consumers a load needs, when a partition has one reader and partitions are dealt out by count."""

from __future__ import annotations

import math
from collections.abc import Sequence

# A hair of rounding must not buy a consumer.
_EPSILON = 1e-9


def consumers_for(loads: Sequence[float], utilization: float, limit: int) -> int:
    """The number of consumers for `loads`: each partition's work in consumers (messages a second ÷ the rate of one).

    1. The formula: all work ÷ utilization, where no partition asks for more than the one reader it can have.
    2. More, if the fullest consumer would still be too full: with a hot partition, the average says nothing.
    3. Fewer, if the fullest consumer gets no less to do: 12 partitions over 7 readers leave two to someone, as over 6.
    Never above `limit` or the number of partitions; 0 only for no work at all.
    """
    most = min(limit, len(loads))
    capped = [min(load, 1.0) for load in loads]
    needed = math.ceil(sum(min(load / utilization, 1.0) for load in loads) - _EPSILON)
    if needed <= 0:
        return 0
    # Half way between the planned utilization and full: the fullest may use some of the spare room, not all.
    fullest_allowed = (1 + utilization) / 2
    for count in range(min(needed, most), most + 1):
        share = math.ceil(len(loads) / count)
        if fullest(capped, share) <= fullest_allowed + _EPSILON:
            return math.ceil(len(loads) / share)
    return most


def fullest(loads: Sequence[float], share: int) -> float:
    """The work of the consumer with the heaviest partition and `share - 1` average others."""
    heaviest = max(loads)
    others = (sum(loads) - heaviest) / max(1, len(loads) - 1)
    return heaviest + (share - 1) * others
