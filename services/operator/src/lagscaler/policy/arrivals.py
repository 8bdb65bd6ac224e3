"""How fast messages arrive, per partition, from the movement of end offsets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from lagscaler.policy.observations import Observation

# Short enough to see most of a spike by the HPA's next look (it looks every 15 s), long enough to even out batches.
HALF_LIFE_SECONDS = 10.0
STEP_FACTOR = 2.0
# Independent arrivals deviate by the square root of their number.
STEP_DEVIATIONS = 4.0


@dataclass(frozen=True, slots=True)
class Arrivals:
    """A partition's messages and the seconds they took, both fading alike: the first interval counts whole."""

    messages: float = 0.0
    seconds: float = 0.0

    @property
    def per_second(self) -> float:
        return self.messages / self.seconds if self.seconds else 0.0

    def after(self, messages: float, seconds: float) -> Arrivals:
        keep = 0.5 ** (seconds / HALF_LIFE_SECONDS)
        return Arrivals(self.messages * keep + messages, self.seconds * keep + seconds)


def learn_arrivals(
    known: Mapping[int, Arrivals], previous: Observation | None, current: Observation
) -> dict[int, Arrivals]:
    """The rates with one more interval. New partitions and recreated topics begin anew; an end offset that went back
    (a recreated topic on brokers without ids, a truncated log) tells nothing about this interval.
    """
    if previous is None or previous.topic_id != current.topic_id:
        return {}
    seconds = current.at_seconds - previous.at_seconds
    arrived = _arrived(previous, current)
    if _is_step(known, arrived, seconds):
        known = {}
    old = {number: known.get(number, Arrivals()) for number in arrived}
    return {
        number: old[number].after(messages, seconds) if messages >= 0 else old[number]
        for number, messages in arrived.items()
    }


def _arrived(previous: Observation, current: Observation) -> dict[int, int]:
    before = {part.partition: part.end for part in previous.partitions}
    return {
        part.partition: part.end - before[part.partition] for part in current.partitions if part.partition in before
    }


def _is_step(known: Mapping[int, Arrivals], arrived: Mapping[int, int], seconds: float) -> bool:
    """Whether the whole topic got much more than before and more than chance explains. Then the past is no guide; to
    fade it out first would cost one of the HPA's looks.
    """
    expected = seconds * sum(known.get(number, Arrivals()).per_second for number in arrived)
    messages = sum(max(0, count) for count in arrived.values())
    return messages > STEP_FACTOR * expected and messages - expected > STEP_DEVIATIONS * math.sqrt(expected)
