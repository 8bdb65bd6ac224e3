"""How many consumers a load needs, when a partition has one reader and partitions are dealt out by count."""

from __future__ import annotations

import math
from collections.abc import Sequence

# Just below full: a consumer that is planned fuller falls behind with the first fluctuation.
FULLEST_ALLOWED = 0.95
# A partition that fills its reader alone gets it alone, but for others with this little to do.
BESIDE_A_FULL_ONE = 0.05
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
    for count in range(min(needed, most), most + 1):
        share = math.ceil(len(loads) / count)
        if _fits(capped, share):
            return math.ceil(len(loads) / share)
    return most


def _fits(loads: Sequence[float], share: int) -> bool:
    """Whether the consumer with the heaviest partition can also read `share - 1` average others."""
    heaviest = max(loads)
    beside = (share - 1) * (sum(loads) - heaviest) / max(1, len(loads) - 1)
    return heaviest + beside <= FULLEST_ALLOWED + _EPSILON or beside <= BESIDE_A_FULL_ONE
