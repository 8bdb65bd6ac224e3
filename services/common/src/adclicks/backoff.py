"""How long to wait before the next try."""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Backoff:
    """Exponential with full jitter, so that workers that failed together don't return together.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    first_seconds: float = 0.05
    limit_seconds: float = 5.0

    def delay_seconds(self, attempt: int, random: Random) -> float:
        """The wait before try ``attempt`` + 1; ``attempt`` counts the failed ones, from 1."""
        ceiling = min(self.limit_seconds, self.first_seconds * 2 ** min(attempt, 30))
        return random.uniform(ceiling / 4, ceiling)
