"""A publisher without Kafka. tests/contract holds it to what the real one does."""

from collections import deque

from adclicks.errors import Problem, retry_later
from ingest.publisher import Done


class MemoryPublisher:
    """Keeps what it is given, in order; whoever holds it says when something is acknowledged or has failed.

    ``room``: how many clicks may wait; one more is refused.
    """

    def __init__(self, room: int = 1_000) -> None:
        self._room = room
        self._waiting: deque[tuple[str, bytes, Done]] = deque()
        self.log: list[tuple[str, bytes]] = []

    @property
    def waiting(self) -> int:
        """How many clicks wait."""
        return len(self._waiting)

    def publish(self, key: str, value: bytes, done: Done) -> None:
        """See ``ingest.publisher.ClickPublisher``."""
        if self.waiting >= self._room:
            raise retry_later("Too many clicks are waiting for Kafka. Send this one again.")
        self._waiting.append((key, value, done))

    def acknowledge(self, clicks: int) -> None:
        """The next ``clicks`` that wait are in the log."""
        for _ in range(clicks):
            key, value, done = self._waiting.popleft()
            self.log.append((key, value))
            done(None)

    def acknowledge_all(self) -> None:
        """All that wait."""
        self.acknowledge(self.waiting)

    def fail(self, problem: Problem) -> None:
        """The next one that waits is not in the log."""
        _, _, done = self._waiting.popleft()
        done(problem)
