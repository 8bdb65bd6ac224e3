"""Keeps everything running: what dies is named with its log's end and started again after a pause, as a cluster would."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

from localstack.child import StartError
from localstack.guardian import Guardian
from localstack.server import Server
from localstack.together import together

POLL_SECONDS = 0.5
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
# One that ran for this long had a good start: the next pause is the first again.
GOOD_RUN_SECONDS = 60.0


@dataclass
class Watched:
    """What is known of one server."""

    server: Server
    started_at: float
    failures: int = 0
    restart_at: float | None = None


def pause_seconds(failures: int) -> float:
    """How long to wait before a start after ``failures`` (1 or more) in a row."""
    return float(min(FIRST_PAUSE_SECONDS * 2 ** (failures - 1), LONGEST_PAUSE_SECONDS))


def supervise(
    servers: Sequence[Server], guardian: Guardian, report: Callable[[str], None], tidy: Callable[[], None]
) -> NoReturn:
    """Until interrupted. ``report`` is told of each end and start, ``tidy`` is called at each round."""
    watched = [Watched(server, time.monotonic()) for server in servers]
    while True:
        for one in watched:
            look_after(one, time.monotonic(), partial(_spawn, guardian), report)
        tidy()
        time.sleep(POLL_SECONDS)


def look_after(one: Watched, now: float, spawn: Callable[[Server], None], report: Callable[[str], None]) -> None:
    """Notes that it died, or starts it again when its pause is over. ``now``: seconds of a monotonic clock."""
    if one.restart_at is None:
        if one.server.child.exit_code() is not None:
            _note_death(one, now, report)
    elif now >= one.restart_at:
        one.restart_at, one.started_at = None, now
        try:
            spawn(one.server)
            report(f"{one.server.name} was started again.")
        except StartError as error:
            report(str(error))
            _schedule(one, now)


def _note_death(one: Watched, now: float, report: Callable[[str], None]) -> None:
    if now - one.started_at > GOOD_RUN_SECONDS:
        one.failures = 0
    _schedule(one, now)
    report(f"{one.server.child.obituary()}\n  It is started again in {pause_seconds(one.failures):g} s.")


def _schedule(one: Watched, now: float) -> None:
    one.failures += 1
    one.restart_at = now + pause_seconds(one.failures)


def _spawn(guardian: Guardian, server: Server) -> None:
    # In a thread of its own: an interrupt of this one between the fork and the guardian's note would leave an orphan.
    together(guardian, [server.spawn])
