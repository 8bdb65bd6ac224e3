"""How long to wait before the next try."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from adclicks.backoff import Backoff


@given(st.integers(1, 10_000), st.floats(0.001, 10), st.floats(0.001, 100), st.randoms(use_true_random=False))
def test_a_wait_is_bounded_and_never_nothing(attempt: int, first: float, limit: float, random: Random) -> None:
    """Whatever the number of tries: a quarter of the ceiling at least, the limit at most."""
    delay = Backoff(first, limit).delay_seconds(attempt, random)

    ceiling = min(limit, first * 2 ** min(attempt, 30))
    assert ceiling / 4 <= delay <= ceiling <= limit


def test_waits_grow_and_differ() -> None:
    """Workers that failed together don't come back together."""
    backoff = Backoff(first_seconds=0.1, limit_seconds=60)
    waits = [[backoff.delay_seconds(attempt, Random(seed)) for seed in range(50)] for attempt in (1, 3, 6)]

    assert all(len(set(some)) > 40 for some in waits)
    assert max(waits[0]) < min(waits[2])
