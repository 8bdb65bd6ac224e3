"""P5 and P6: what a long history costs those who read, and those who write."""

import random

from bench import backlog, history, ranges, targets
from bench.drain import drain
from bench.limits import bare_benchmark
from bench.load import K6Result, k6
from bench.measurement import Limit, Measurement, NotMeasured
from bench.workplace import Workplace

_PROVED_RANGES = 20
_SEED = 20260101
_TIMEOUT_SECONDS = 300
_WARM_UP_SECONDS = 10


def ranges_asked(place: Workplace) -> list[Measurement]:
    """P5."""
    sizes, target = place.sizes, targets.RANGE_P99_MS
    pipeline = place.with_history()
    analytics = pipeline.start("analytics", WEB_CONCURRENCY=str(place.ingest_workers))
    place.say("holding ranges against a count of the raw rows")
    wrong = ranges.what_is_wrong(pipeline, analytics, _PROVED_RANGES, random.Random(_SEED), place.now())  # noqa: S311 not a secret
    warm_up_seconds = min(_WARM_UP_SECONDS, sizes.reads_seconds)
    cold = _asked(place, analytics.url, warm_up_seconds)
    if cold.read_latency_ms is not None:
        place.say(f"p99 of {cold.read_latency_ms.p99:.1f} ms while the sums were on disk")
    history.read_sums(pipeline.connect)
    # The ranges are other ones each time.
    _asked(place, analytics.url, warm_up_seconds)
    result = _asked(place, analytics.url, sizes.reads_seconds)
    analytics.stop()
    # About as many requests a second as the reads.
    row = max(2, round((sizes.reads_per_second * sizes.reads_seconds) ** 0.5))
    bare = bare_benchmark(pipeline, row, "paced", sizes.reads_seconds, place.ingest_workers)
    if result.read_latency_ms is None:
        raise NotMeasured(f"no range was answered: {'; '.join(result.failures)}")
    wrong = wrong or "; ".join(failure for failure in result.failures if failure.startswith(("reads_", "ranges_")))
    what = f"ranges of up to a year, {sizes.history / 1e6:g} million clicks, {sizes.reads_per_second}/s, p99"
    limit = Limit("an empty server", bare.p99_ms)
    return [Measurement("P5", what, result.read_latency_ms.p99, "ms", target.value, target.at_least, limit, wrong)]


def _asked(place: Workplace, url: str, seconds: int) -> K6Result:
    reads = {
        "READS": str(place.sizes.reads_per_second),
        "WRITES": "0",
        "SECONDS": str(seconds),
        "DAYS": str(history.DAYS),
    }
    return k6(place.runner, "analytics.js", "analytics", seconds + _TIMEOUT_SECONDS, {"BASE_URL": url, **reads})


def backlog_drained(place: Workplace) -> list[Measurement]:
    """P6: the same backlog into an empty database and into the one with the history, each after as much to warm up.

    Right after a checkpoint, PostgreSQL writes each page of the ids' index that is touched into its log, whole, once: with
    random ids that is each page, within the first million. A store that has been running does it once in a checkpoint's time.
    """
    clicks, target, workers = place.sizes.history_backlog, targets.DRAIN_WITH_HISTORY, place.consumer_workers[-1]
    full = place.with_history()
    backlog.fill(full.kafka, 2 * clicks, place.now())
    place.say("draining into an empty store")
    with place.pipeline(full.topic) as empty:
        without = drain(empty, 2 * clicks, workers, warm_up=clicks)
    empty.drop()
    place.say("draining into the one with the history")
    with_it = drain(full, 2 * clicks, workers, warm_up=clicks)
    what = f"drain rate with {place.sizes.history / 1e6:g} million clicks stored"
    limit = Limit("an empty store", 1.0)
    value, wrong = with_it.rate / without.rate, with_it.wrong or without.wrong
    place.say(f"{without.rate:,.0f}/s without, {with_it.rate:,.0f}/s with the history")
    place.say(f"while warming up: {without.cold_rate:,.0f}/s without, {with_it.cold_rate:,.0f}/s with the history")
    return [Measurement("P6", what, value, "×", target.value, target.at_least, limit, wrong)]
