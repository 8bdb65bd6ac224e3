"""A run's result as a file, from which the charts are drawn and the tables of the documents filled."""

import os
import platform
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec

from bench.measurement import Measurement


class Result(msgspec.Struct, frozen=True):
    """``command``: what was called. ``costs``: microseconds of CPU that a click costs each part, by pace."""

    finished_at: datetime
    command: str
    cores: int
    processor: str
    python: str
    quick: bool
    measurements: list[Measurement]
    missing: dict[str, str]
    costs: dict[str, dict[str, float]] = {}


@dataclass(frozen=True)
class Found:
    """What a run has found; ``missing``: why a figure was not measured; ``costs`` as in ``Result``."""

    measurements: list[Measurement] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    costs: dict[str, dict[str, float]] = field(default_factory=dict)


def result_of(found: Found, command: str, now: datetime, *, quick: bool) -> Result:
    """With what there is to know of this machine."""
    return Result(
        finished_at=now,
        command=command,
        cores=cores(),
        processor=_processor(),
        python=platform.python_version(),
        quick=quick,
        measurements=found.measurements,
        missing=found.missing,
        costs=found.costs,
    )


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def write(result: Result, path: Path) -> None:
    """As indented JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")


def read(path: Path) -> Result:
    """Raises ``OSError`` and ``msgspec.DecodeError``."""
    return msgspec.json.decode(path.read_bytes(), type=Result)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
