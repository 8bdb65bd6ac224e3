"""What each part of the pipeline takes of the processors, by what the kernel has counted of its processes."""

import resource
from collections.abc import Mapping

import psutil

from localstack.guardian import descendants


class CpuMeter:
    """CPU seconds of process trees and of the programs that were run to their end, from ``start`` on.

    ``roots``: each part's first process, by name. Threads, and children that have ended meanwhile, count with their tree.
    ``programs``: the name under which the programs that ended since then are counted, such as the load generator.
    """

    def __init__(self, roots: Mapping[str, int], programs: str) -> None:
        self._roots = {name: psutil.Process(pid) for name, pid in roots.items()}
        self._programs = programs
        self._before = self._now()

    def seconds(self) -> dict[str, float]:
        """CPU seconds of each part since it was made."""
        return {name: seconds - self._before[name] for name, seconds in self._now().items()}

    def _now(self) -> dict[str, float]:
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        trees = {name: _tree_seconds(process) for name, process in self._roots.items()}
        return {self._programs: ended.ru_utime + ended.ru_stime, **trees}


def _tree_seconds(root: psutil.Process) -> float:
    return sum(_seconds(process) for process in [root, *descendants(root)])


def _seconds(process: psutil.Process) -> float:
    try:
        return float(sum(process.cpu_times()[:4]))
    except psutil.NoSuchProcess:
        return 0.0
