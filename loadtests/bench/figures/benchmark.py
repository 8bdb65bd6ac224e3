"""P1 and P7: the published benchmark, as fast as it goes and paced."""

from bench import targets
from bench.cpu import CpuMeter
from bench.limits import bare_benchmark
from bench.load import K6Result, k6
from bench.measurement import Limit, Measurement, NotMeasured
from bench.pipeline import Pipeline
from bench.workplace import Workplace

_TIMEOUT_SECONDS = 300


def as_fast_as_it_goes(place: Workplace) -> list[Measurement]:
    """P1."""
    row, target = place.sizes.row, targets.SECONDS_UNTIL_QUERYABLE
    with place.pipeline() as pipeline:
        bare = bare_benchmark(pipeline, row, "fast", 1, place.ingest_workers)
        result = run_benchmark(place, pipeline, row, "fast", 1)
    if result.seconds.queryable is None:
        raise NotMeasured(f"not everything became queryable: {'; '.join(result.failures)}")
    limit = Limit("k6 and an empty server", bare.seconds)
    what = f"{row}×{row} clicks until all are queryable"
    return [Measurement("P1", what, result.seconds.queryable, "s", target.value, target.at_least, limit, result.wrong)]


def paced(place: Workplace) -> list[Measurement]:
    """P7."""
    row, seconds = place.sizes.paced_row, place.sizes.paced_seconds
    with place.pipeline() as pipeline:
        bare = bare_benchmark(pipeline, row, "paced", seconds, place.ingest_workers)
        result = run_benchmark(place, pipeline, row, "paced", seconds)
    if result.latency_ms is None or result.visible_after_ms is None:
        raise NotMeasured(f"there were no answers: {'; '.join(result.failures)}")
    return [
        Measurement(
            "P7",
            f"{row * row // seconds} clicks a second, p99 of the answers",
            result.latency_ms.p99,
            "ms",
            targets.PACED_P99_MS.value,
            at_least=False,
            limit=Limit("an empty server", bare.p99_ms),
            wrong=result.wrong,
        ),
        Measurement(
            "P7",
            "from the answer to being visible, p99",
            result.visible_after_ms.p99,
            "ms",
            targets.VISIBLE_AFTER_MS.value,
            at_least=False,
            wrong=result.wrong,
        ),
    ]


def run_benchmark(place: Workplace, pipeline: Pipeline, row: int, pace: str, pace_seconds: int) -> K6Result:
    """Starts the whole pipeline and runs benchmark.js against it."""
    consumer = pipeline.start("consumer", CONSUMER_WORKERS=str(place.consumer_workers[0]))
    analytics = pipeline.start("analytics", WEB_CONCURRENCY="1")
    ingest = pipeline.start("ingest", WEB_CONCURRENCY=str(place.ingest_workers))
    settings = {
        "INGEST_URL": ingest.url,
        "ANALYTICS_URL": analytics.url,
        "ROW": str(row),
        "PACE": pace,
        "PACE_SECONDS": str(pace_seconds),
    }
    infra = place.infra
    parts = (ingest, infra.kafka, consumer, infra.postgres, infra.valkey, analytics)
    meter = CpuMeter({part.name: part.child.pid for part in parts}, "k6")
    name = f"benchmark-{row}x{row}-{pace}"
    result = k6(place.runner, "benchmark.js", name, pace_seconds + _TIMEOUT_SECONDS, settings)
    place.costs[pace] = {name: seconds / (row * row) * 1e6 for name, seconds in meter.seconds().items()}
    return result
