"""How many rows PostgreSQL may refuse before the cause is taken for the database's and not for the clicks'. Pure."""

from collections import deque
from collections.abc import Sequence

# The ratio is taken over at least so many of the last rows: of fewer, one refused row could be all there are.
WINDOW_ROWS = 1_000


class RefusalLimitExceeded(Exception):
    """PostgreSQL refuses too many rows: nothing of the batch is written or sent away, and it is tried again later."""


class RefusalLimit:
    """What one worker has seen of refused rows, in the order in which it took them in.

    ``max_ratio``: the share of the last ``WINDOW_ROWS`` rows or more that may be refused, ``max_consecutive``: how many
    may be in a row; 0 is no limit.
    """

    def __init__(self, max_ratio: float, max_consecutive: int) -> None:
        self._max_ratio = max_ratio
        self._max_consecutive = max_consecutive
        self._consecutive = 0
        self._window: deque[tuple[int, int]] = deque()
        self._rows = self._refused = 0

    def check(self, refused: Sequence[bool]) -> None:
        """``refused``: of each next row, whether it is. Raises ``RefusalLimitExceeded`` where that would be too many."""
        consecutive = self._longest_run(refused)
        if self._max_consecutive and consecutive > self._max_consecutive:
            raise RefusalLimitExceeded(
                f"more than {self._max_consecutive} rows in a row (CONSUMER_DEAD_LETTER_MAX_CONSECUTIVE)"
            )
        rows, count = self._rows + len(refused), self._refused + sum(refused)
        if self._max_ratio and rows >= WINDOW_ROWS and count > self._max_ratio * rows:
            raise RefusalLimitExceeded(
                f"{count} of the last {rows} rows, more than {self._max_ratio} (CONSUMER_DEAD_LETTER_MAX_RATIO)"
            )

    def record(self, refused: Sequence[bool]) -> None:
        """These rows were taken in: stored, or refused and sent to the dead-letter topic."""
        for is_refused in refused:
            self._consecutive = self._consecutive + 1 if is_refused else 0
        self._add(len(refused), sum(refused))

    def record_stored(self, rows: int) -> None:
        """As ``record`` for ``rows`` rows of which none is refused."""
        if rows:
            self._consecutive = 0
            self._add(rows, 0)

    def _longest_run(self, refused: Sequence[bool]) -> int:
        longest = run = self._consecutive
        for is_refused in refused:
            run = run + 1 if is_refused else 0
            longest = max(longest, run)
        return longest

    def _add(self, rows: int, refused: int) -> None:
        self._window.append((rows, refused))
        self._rows += rows
        self._refused += refused
        while self._rows - self._window[0][0] >= WINDOW_ROWS:
            oldest_rows, oldest_refused = self._window.popleft()
            self._rows -= oldest_rows
            self._refused -= oldest_refused
