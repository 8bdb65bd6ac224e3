"""How fast messages arrive, per partition, from the movement of end offsets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lagscaler.observations import Observation

# Short enough to see a spike at the HPA's second look (it looks every 15 s), long enough to even out batches.
HALF_LIFE_SECONDS = 20.0


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
    before = {part.partition: part.end for part in previous.partitions}
    seconds = current.at_seconds - previous.at_seconds
    return {
        part.partition: _next(known.get(part.partition, Arrivals()), part.end - before[part.partition], seconds)
        for part in current.partitions
        if part.partition in before
    }


def _next(known: Arrivals, messages: int, seconds: float) -> Arrivals:
    return known.after(messages, seconds) if messages >= 0 else known
