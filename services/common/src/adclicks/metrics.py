"""Prometheus metrics that several worker processes share through files."""

import os

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from adclicks import metrics_folder

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Seconds; an answer waits for Kafka's acknowledgement, so the interesting part lies between 1 ms and the 5 s limit.
LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def exposition() -> bytes:
    """All metrics of this service in Prometheus' text format: of all its processes where they share a folder."""
    if metrics_folder.VARIABLE not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return generate_latest(registry)


def forget_process(pid: int) -> None:
    """Takes a dead worker's gauges out of the sums; its counters stay, or they would go backwards."""
    if metrics_folder.VARIABLE in os.environ:
        mark_process_dead(pid)
