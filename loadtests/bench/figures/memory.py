"""P8: what a worker of each service takes of memory at full load."""

from bench import backlog, targets
from bench.drain import drain
from bench.load import k6
from bench.measurement import Measurement, Target
from bench.memory import Peak
from bench.workplace import Workplace

_TIMEOUT_SECONDS = 300


def workers(place: Workplace) -> list[Measurement]:
    """P8: consumers under a backlog; ingest and analytics under the benchmark as fast as it goes."""
    sizes = place.sizes
    with place.pipeline() as pipeline:
        clicks = min(sizes.backlog, 500_000)
        backlog.fill(pipeline.kafka, clicks, place.now())
        drained = drain(pipeline, clicks, workers=1)
    with place.pipeline() as pipeline:
        pipeline.start("consumer", CONSUMER_WORKERS="1")
        analytics = pipeline.start("analytics", WEB_CONCURRENCY="1")
        ingest = pipeline.start("ingest", WEB_CONCURRENCY=str(place.ingest_workers))
        urls = {"INGEST_URL": ingest.url, "ANALYTICS_URL": analytics.url}
        with Peak(ingest) as ingest_peak, Peak(analytics) as analytics_peak:
            name = f"benchmark-{sizes.row}x{sizes.row}-fast"
            k6(place.runner, "benchmark.js", name, _TIMEOUT_SECONDS, {**urls, "ROW": str(sizes.row)})
            reads = {"READS": str(sizes.reads_per_second), "WRITES": "0", "SECONDS": str(sizes.reads_seconds)}
            k6(place.runner, "analytics.js", "analytics", sizes.reads_seconds + _TIMEOUT_SECONDS, {**urls, **reads})
    return [
        _line("an ingest worker", ingest_peak.megabytes, targets.INGEST_MB),
        _line("a consumer worker", drained.worker_mb, targets.CONSUMER_MB),
        _line("an analytics worker", analytics_peak.megabytes, targets.ANALYTICS_MB),
    ]


def _line(what: str, megabytes: float, target: Target) -> Measurement:
    return Measurement("P8", what, megabytes, "MB", target.value, target.at_least)
