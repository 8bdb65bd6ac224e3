"""The figures P1 to P8, by name. Each takes a workplace and gives its lines of the table, or raises ``NotMeasured``."""

from collections.abc import Callable, Mapping

from bench.figures import benchmark, consumers, histories, ingest, memory
from bench.measurement import Measurement
from bench.workplace import Workplace

FIGURES: Mapping[str, Callable[[Workplace], list[Measurement]]] = {
    "P1": benchmark.as_fast_as_it_goes,
    "P2": ingest.single_clicks,
    "P3": ingest.batches,
    "P4": consumers.backlog_drained,
    "P5": histories.ranges_asked,
    "P6": histories.backlog_drained,
    "P7": benchmark.paced,
    "P8": memory.workers,
}
