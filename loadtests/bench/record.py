"""Ratios of earlier runs, and which of them moved. Pure but for reading and writing one file.

Ratios to the machine's own limits, because absolute figures move from machine to machine and from day to day; only memory is
recorded as it is.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from bench.measurement import Measurement

MOVED = 0.2
FILE = Path(__file__).resolve().with_name("recorded.json")


class Moved(msgspec.Struct, frozen=True):
    """A ratio that is no longer what was recorded. ``worse``: as far as the figure is concerned."""

    key: str
    recorded: float
    now: float
    worse: bool

    def __str__(self) -> str:
        change = self.now / self.recorded - 1
        return f"{self.key}: {self.recorded:.3g} was recorded, now {self.now:.3g} ({change:+.0%}), {self._verdict}"

    @property
    def _verdict(self) -> str:
        return "worse" if self.worse else "better"


class Record(msgspec.Struct, frozen=True):
    """Ratios by ``Measurement.key``, of full runs and of quick ones: they are not comparable."""

    full: Mapping[str, float] = {}
    quick: Mapping[str, float] = {}


def ratio(item: Measurement) -> float:
    """What is recorded of ``item``: its share of the limit; its value where it has none."""
    return item.value if item.share is None else item.share


def moved(measurements: Sequence[Measurement], recorded: Mapping[str, float]) -> list[Moved]:
    """Those that differ by more than ``MOVED`` from what was recorded; what was never recorded can't have moved."""
    found = []
    for item in measurements:
        before, now = recorded.get(item.key), ratio(item)
        if before and abs(now / before - 1) > MOVED:
            # A share is better when it is higher, whatever the figure; without one it depends on the figure.
            more_is_better = item.at_least or item.share is not None
            found.append(Moved(item.key, before, now, (now < before) == more_is_better))
    return found


def read(path: Path = FILE) -> Record:
    """What was recorded; nothing where there is no file."""
    return msgspec.json.decode(path.read_bytes(), type=Record) if path.exists() else Record()


def write(measurements: Sequence[Measurement], *, quick: bool, path: Path = FILE) -> None:
    """Keeps the ratios of ``measurements`` beside those of the figures that were not measured now."""
    record, now = read(path), {item.key: round(ratio(item), 4) for item in measurements}
    changed = (
        Record(full=record.full, quick={**record.quick, **now})
        if quick
        else Record({**record.full, **now}, record.quick)
    )
    path.write_bytes(msgspec.json.format(msgspec.json.encode(changed, order="sorted"), indent=1) + b"\n")
