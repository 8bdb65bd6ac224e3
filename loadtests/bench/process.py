"""Programs that run to their end within a bound, and are ended with the bench, however it ends."""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measurement import NotMeasured
from localstack.child import Child, Program
from localstack.guardian import Guardian

_POLL_SECONDS = 0.05
# The core for what has to be measured on one; the others are for all else.
PINNED_CORE = 0


@dataclass(frozen=True)
class Ended:
    """``output``: what it wrote, both streams."""

    exit_code: int
    output: str


@dataclass(frozen=True)
class Runner:
    """Where programs run: logs go to ``folder``; ``guardian`` ends them if the bench is killed."""

    guardian: Guardian
    folder: Path

    def run(
        self,
        name: str,
        command: Sequence[str],
        timeout_seconds: float,
        environment: Mapping[str, str] | None = None,
    ) -> Ended:
        """Runs ``command`` to its end. Raises ``StartError``, and ``TimeoutError`` after the bound; it is ended then."""
        log = self.folder / f"{name}-{time.monotonic_ns()}.log"
        child = Child(Program(name, tuple(command), log, self.folder, environment or {}, stage=2), self.guardian)
        try:
            deadline = time.monotonic() + timeout_seconds
            while (code := child.exit_code()) is None:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{name} did not end within {timeout_seconds:g} s.\n{child.tail()}")
                time.sleep(_POLL_SECONDS)
        finally:
            if child.exit_code() is None:
                child.kill()
        return Ended(code, log.read_text(errors="replace"))


def pinned(command: Sequence[str]) -> tuple[str, ...]:
    """``command`` on one core. Raises ``NotMeasured`` where that can't be had."""
    return (require("taskset", "it is part of util-linux, on Linux only"), "-c", str(PINNED_CORE), *command)


def require(program: str, remedy: str) -> str:
    """The path of ``program``. Raises ``NotMeasured`` with the remedy."""
    path = shutil.which(program)
    if path is None:
        raise NotMeasured(f"needs {program}: {remedy}")
    return path
