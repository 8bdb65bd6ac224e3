"""When a Kafka producer has to be replaced. Pure: what happened goes in with its time, the decision comes out.

Two things end a producer. It is *broken*: after a fatal error librdkafka refuses every later message. Or it is *stalled*:
clicks time out, or it does not get Kafka's metadata, and nothing succeeds in between, although a new client may connect.
"""

from random import Random

from adclicks.backoff import Backoff

# A replacement that breaks again breaks within this time: it needs a connection and one answer (InitProducerId).
_PROVEN_SECONDS = 3.0
# What a stalled producer's successor is given before it is replaced in its turn, as a multiple of the first one's time.
_PATIENCE_FACTOR_MAX = 4


class ProducerHealth:
    """Of the current producer and those before it. Times are monotonic, in seconds.

    ``stall_seconds``: how long trouble without any success may last.
    """

    def __init__(self, stall_seconds: float, backoff: Backoff, random: Random) -> None:
        self._stall_seconds = stall_seconds
        self._backoff = backoff
        self._random = random
        self._broken: str | None = None
        self._replaced_for: str | None = None
        self._proven_at = 0.0
        self._not_before = 0.0
        self._trouble_since: dict[int | None, float] = {}
        self.attempts = 0
        # Whether ``succeeded`` would change anything: on the hot path it is called only then.
        self.in_doubt = False

    @property
    def broken(self) -> bool:
        """Whether the current producer is of no use any more."""
        return self._broken is not None

    def broke(self, reason: str) -> None:
        """The producer reported a fatal error. The last reason counts: produce() knows less of it than poll()."""
        self._broken = reason

    def failed(self, partition: int | None, now: float) -> None:
        """A click for ``partition`` timed out; None: before it had one, or Kafka's metadata did not come."""
        self._trouble_since.setdefault(partition, now)
        self.in_doubt = True

    def succeeded(self, partition: int | None) -> None:
        """Kafka acknowledged a click of ``partition``; None: it answered a request for metadata."""
        self._trouble_since.pop(partition, None)
        self._trouble_since.pop(None, None)
        # Metadata also comes to a producer that is about to break: only a click proves one that replaced a broken one.
        proves = partition is not None or self._replaced_for is None
        if proves and not self._trouble_since and self._broken is None:
            self.attempts = 0
            self._replaced_for = None
        self.in_doubt = self.attempts > 0 or bool(self._trouble_since)

    def problem(self, now: float) -> str | None:
        """What readiness says: why the producer is, or was just now, unusable. A replacement is trusted once it was proven."""
        if self._broken is not None:
            return self._broken
        return self._replaced_for if now < self._proven_at else None

    def due(self, now: float) -> str | None:
        """Why the producer has to be replaced now; None: it has not."""
        if now < self._not_before:
            return None
        if self._broken is not None:
            return self._broken
        if not self._trouble_since:
            return None
        seconds = now - min(self._trouble_since.values())
        if seconds < self._stall_seconds * min(2**self.attempts, _PATIENCE_FACTOR_MAX):
            return None
        return f"no success for {seconds:.0f} s while clicks or requests timed out"

    def replaced(self, now: float) -> None:
        """There is a new producer."""
        self.attempts += 1
        self.in_doubt = True
        self._not_before = now + self._backoff.delay_seconds(self.attempts, self._random)
        if self._broken is not None:
            self._replaced_for = self._broken
            self._proven_at = now + _PROVEN_SECONDS
        self._broken = None
        self._trouble_since.clear()
