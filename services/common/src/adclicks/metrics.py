"""Prometheus metrics that several worker processes share through files."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import structlog
from prometheus_client import REGISTRY, CollectorRegistry, Metric, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from adclicks import dead_workers, metrics_folder
from adclicks.errors import retry_later

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Seconds; an answer waits for Kafka's acknowledgement, so the interesting part lies between 1 ms and the 5 s limit.
LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# Workers rarely end: more than one read again means that they end all the time.
_READS_MAX = 20
_log = structlog.get_logger()


def exposition(collectors: Iterable[Collector] = ()) -> bytes:
    """All metrics of this service in Prometheus' text format: of all its processes where they share a folder.

    ``collectors`` are asked as well: what this process alone knows, and can cease to know.
    Takes some milliseconds: call it in a thread. Raises ``Problem`` (503) where the files don't stop changing.
    """
    own = CollectorRegistry()
    for collector in collectors:
        own.register(collector)
    folder = os.environ.get(metrics_folder.VARIABLE)
    shared = generate_latest(REGISTRY) if folder is None else _of_all_processes(Path(folder))
    return shared + generate_latest(own)


def forget_process(pid: int) -> None:
    """Takes a dead worker's gauges out of the sums, and keeps its counters in them, or they would go backwards."""
    folder = os.environ.get(metrics_folder.VARIABLE)
    if folder is None:
        return
    try:
        dead_workers.absorb(Path(folder), pid)
    except (OSError, RuntimeError) as error:
        # Its files stay, and count. gunicorn's master would end by an exception here.
        _log.error("a dead worker's metrics can't be merged", pid=pid, error=str(error))


def _of_all_processes(folder: Path) -> bytes:
    for _ in range(_READS_MAX):
        try:
            before = dead_workers.version(folder)
            text = generate_latest(_Read(dead_workers.files(folder)))
            # Where a worker's file was merged meanwhile, it may have been read twice, or not at all.
            if dead_workers.version(folder) == before:
                return text
        except FileNotFoundError:
            continue
    raise retry_later("The metrics can't be read: workers start and end all the time.")


class _Read:
    """A registry of what ``files`` hold."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = [str(file) for file in files]

    def collect(self) -> Iterable[Metric]:
        """See ``prometheus_client.registry.Collector``."""
        found: Iterable[Metric] = MultiProcessCollector.merge(self._files)
        return found
