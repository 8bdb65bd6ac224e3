"""A run's result as a file, from which the charts are drawn and the tables of the documents filled."""

import os
import platform
from datetime import datetime
from pathlib import Path

import msgspec

from bench.measurement import Measurement


class Result(msgspec.Struct, frozen=True):
    """``command``: what was called."""

    finished_at: datetime
    command: str
    cores: int
    processor: str
    python: str
    quick: bool
    measurements: list[Measurement]
    missing: dict[str, str]


def result_of(
    measurements: list[Measurement], missing: dict[str, str], command: str, now: datetime, *, quick: bool
) -> Result:
    """With what there is to know of this machine."""
    return Result(
        finished_at=now,
        command=command,
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        processor=_processor(),
        python=platform.python_version(),
        quick=quick,
        measurements=measurements,
        missing=missing,
    )


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
