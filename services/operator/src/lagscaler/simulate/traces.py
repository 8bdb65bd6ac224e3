"""What happens to the pipeline: arrivals, skew, and how well consumers can read, all as functions of the second."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PARTITIONS = 12
# What one consumer reads in a second while nothing is slow.
CONSUMER_RATE = 1000.0

HOUR = 3600


def _full_speed(_second: int) -> float:
    return 1.0


def _even(_second: int) -> float:
    return 0.0


@dataclass(frozen=True, slots=True)
class Trace:
    """`arrivals(second)` in messages a second, spread evenly; `extra_on_first(second)` is what partition 0 gets on top;
    `speed(second)` is the share of its rate that every consumer can read, 0 while what lies behind it is down.
    """

    name: str
    seconds: int
    arrivals: Callable[[int], float]
    extra_on_first: Callable[[int], float] = _even
    speed: Callable[[int], float] = _full_speed
    start_replicas: int = 1


def _steady(_second: int) -> float:
    return 4200.0


def _spike(second: int) -> float:
    return 8000.0 if 900 <= second < 1500 else 800.0


def _day(second: int) -> float:
    """Quiet at 4 in the morning, busiest at 4 in the afternoon, with a lunch dip; a day in six hours."""
    hour = 4 * second / HOUR
    return 3200.0 - 2700.0 * math.cos((hour - 4.0) * math.pi / 12) - 600.0 * math.exp(-((hour - 12.5) ** 2))


def _level(_second: int) -> float:
    return 3000.0


def _down_for_15_minutes(second: int) -> float:
    return 0.0 if 900 <= second < 1800 else 1.0


def _hot(second: int) -> float:
    return 600.0 if 900 <= second < 2700 else 0.0


def _slow_database(second: int) -> float:
    return 0.4 if 900 <= second < 2100 else 1.0


def _flapping(second: int) -> float:
    return 6000.0 if second % 120 < 30 else 600.0


def _ramp(second: int) -> float:
    return 500.0 + min(1.0, second / 5400) * 8500.0


TRACES = (
    Trace("steady", HOUR, _steady, start_replicas=6),
    Trace("10x spike", HOUR, _spike),
    Trace("day curve", 6 * HOUR, _day),
    Trace("backlog after an outage", HOUR, _level, speed=_down_for_15_minutes, start_replicas=4),
    Trace("hot partition", HOUR, _level, extra_on_first=_hot, start_replicas=4),
    Trace("slow database", HOUR, _level, speed=_slow_database, start_replicas=4),
    Trace("flapping", HOUR, _flapping, start_replicas=3),
    Trace("slow ramp", 2 * HOUR, _ramp),
)
