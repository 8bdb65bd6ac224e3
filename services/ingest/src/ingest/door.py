"""The door that each click goes through, whichever way its request was read: checked, stamped, handed to Kafka."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from adclicks.click import decode_click, encode_event
from adclicks.errors import Problem
from ingest.publisher import ClickPublisher, Done

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time, aware."""
    return datetime.now(UTC)


class Door:
    """Takes clicks for one publisher. ``max_ahead``: how far in the future a click's timestamp may lie."""

    def __init__(self, publisher: ClickPublisher, max_ahead: timedelta, clock: Clock = utc_now) -> None:
        self._publisher = publisher
        self._max_ahead = max_ahead
        self._clock = clock

    def take(self, body: bytes, peer: str, done: Done) -> None:
        """One click; ``done`` is called when Kafka has acknowledged it, or has not. Raises ``Problem``: 400 or 503."""
        now = self._clock()
        click = decode_click(body, now + self._max_ahead)
        self._publisher.publish(str(click.click_id), encode_event(body, _stamp(now), peer), done)

    def latest(self) -> datetime:
        """The newest timestamp that a click may have now."""
        return self._clock() + self._max_ahead

    def take_checked(self, clicks: Sequence[tuple[str, bytes]], peer: str, done: Done) -> None:
        """Many clicks that have been checked, as (click id, JSON). ``done`` is called once, after the last, with the first
        problem if there was one. Raises ``Problem`` (503) where not all of them could be sent; ``done`` is not called then.
        """
        stamp = _stamp(self._clock())
        report = _Last(len(clicks), done)
        try:
            for click_id, click_json in clicks:
                self._publisher.publish(click_id, encode_event(click_json, stamp, peer), report)
        except Problem:
            report.mute()
            raise


class _Last:
    """Calls ``done`` when as many reports as were expected have come."""

    def __init__(self, expected: int, done: Done) -> None:
        self._left = expected
        self._done = done
        self._problem: Problem | None = None

    def mute(self) -> None:
        """Nobody waits any more."""
        self._left = -1

    def __call__(self, problem: Problem | None) -> None:
        self._left -= 1
        self._problem = self._problem or problem
        if self._left == 0:
            self._done(self._problem)


def _stamp(now: datetime) -> str:
    return now.isoformat(timespec="microseconds").replace("+00:00", "Z")
