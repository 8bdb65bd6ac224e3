"""``python -m bench.growth``: how cost grows with stored clicks, ads, partitions and consumers.

Writes loadtests/results/growth.json, which ``python -m bench.charts`` draws.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from bench import backlog, history
from bench.drain import drain
from bench.figures.ingest import load
from bench.load import CONNECTIONS, LOADTESTS, k6
from bench.measurement import NotMeasured
from bench.pipeline import PARTITIONS, Pipeline
from bench.result import cores
from bench.sizes import GROWTH
from bench.workplace import Workplace, opened
from localstack.child import StartError

FILE = LOADTESTS / "results" / "growth.json"
_CONSUMERS = 2
_READ_TIMEOUT_SECONDS = 120
DRAINED, INGESTED, RANGES = (
    "clicks drained a second",
    "clicks a second, one core of ingest",
    "ranges of up to a year, p99, ms",
)


class Point(msgspec.Struct, frozen=True):
    """``value`` of ``figure`` with ``count`` of what ``grows``."""

    grows: str
    count: int
    figure: str
    value: float


class Growth(msgspec.Struct, frozen=True):
    """All points of a run."""

    finished_at: datetime
    cores: int
    points: list[Point]


Measure = Callable[[Workplace, int], Mapping[str, float]]


@dataclass(frozen=True)
class Sweep:
    """What grows, through which counts, and what is measured at each."""

    grows: str
    counts: tuple[int, ...]
    measure: Measure


def with_stored_clicks(place: Workplace, stored: int) -> Mapping[str, float]:
    """A backlog drained, and ranges of up to a year asked, with ``stored`` clicks in the database."""
    with place.pipeline() as pipeline:
        history.fill(pipeline.connect, stored, place.now().date(), place.infra.postgres.data)
        history.read_sums(pipeline.connect)
        analytics = pipeline.start("analytics", WEB_CONCURRENCY="1")
        p99_ms = _ranges_p99_ms(place, analytics.url)
        analytics.stop()
        rate = _drained(place, pipeline, _CONSUMERS)
    pipeline.drop()
    return {DRAINED: rate, RANGES: p99_ms}


def with_ads(place: Workplace, ads: int) -> Mapping[str, float]:
    """A backlog of clicks of ``ads`` ads in turn, drained."""
    return {DRAINED: _filled_and_drained(place, ads=ads)}


def with_partitions(place: Workplace, partitions: int) -> Mapping[str, float]:
    """A topic of ``partitions``: taken by one core of ingest, and drained."""
    with place.pipeline(partitions=partitions) as pipeline:
        result, wrong = load(place, pipeline, CONNECTIONS, 1)
    pipeline.drop()
    _require_right(wrong)
    return {INGESTED: result.requests / result.seconds, DRAINED: _filled_and_drained(place, partitions=partitions)}


def with_consumers(place: Workplace, consumers: int) -> Mapping[str, float]:
    """A backlog drained by a pool of ``consumers`` processes, which share this machine's cores with the servers."""
    return {DRAINED: _filled_and_drained(place, consumers=consumers)}


SWEEPS = (
    Sweep("ads", (10, 1_000, 100_000), with_ads),
    Sweep("partitions", (1, 6, 24, 96), with_partitions),
    Sweep("consumers", (1, 2, 4), with_consumers),
    Sweep("stored clicks", (100_000, 1_000_000, 10_000_000), with_stored_clicks),
)


def main() -> int:
    """Returns 0; 1 where something could not be measured."""
    found: list[Point] = []
    try:
        with opened(GROWTH, 1, (_CONSUMERS,), _say) as place:
            for sweep in SWEEPS:
                for count in sweep.counts:
                    points = [Point(sweep.grows, count, *item) for item in sweep.measure(place, count).items()]
                    found += points
                    _say(
                        f"{count:,} {sweep.grows}: " + ", ".join(f"{item.value:,.4g} {item.figure}" for item in points)
                    )
    except (NotMeasured, StartError, TimeoutError) as error:
        print(error, file=sys.stderr)
        return 1
    FILE.write_bytes(
        msgspec.json.format(msgspec.json.encode(Growth(datetime.now(UTC), cores(), found)), indent=1) + b"\n"
    )
    return 0


def _filled_and_drained(
    place: Workplace, ads: int = backlog.ADS, partitions: int = PARTITIONS, consumers: int = _CONSUMERS
) -> float:
    with place.pipeline(partitions=partitions) as pipeline:
        rate = _drained(place, pipeline, consumers, ads)
    pipeline.drop()
    return rate


def _drained(place: Workplace, pipeline: Pipeline, consumers: int, ads: int = backlog.ADS) -> float:
    """The rate of a backlog, after as much to warm up."""
    clicks = place.sizes.backlog
    backlog.fill(pipeline.kafka, 2 * clicks, place.now(), ads)
    drained = drain(pipeline, 2 * clicks, consumers, warm_up=clicks)
    _require_right(drained.wrong)
    return drained.rate


def _ranges_p99_ms(place: Workplace, url: str) -> float:
    sizes = place.sizes
    reads = {"READS": str(sizes.reads_per_second), "WRITES": "0", "SECONDS": str(sizes.reads_seconds)}
    timeout_seconds = sizes.reads_seconds + _READ_TIMEOUT_SECONDS
    result = k6(place.runner, "analytics.js", "analytics", timeout_seconds, {"BASE_URL": url, **reads})
    if result.read_latency_ms is None:
        raise NotMeasured(f"no range was answered: {'; '.join(result.failures)}")
    return result.read_latency_ms.p99


def _require_right(wrong: str) -> None:
    if wrong:
        raise NotMeasured(wrong)


def _say(text: str) -> None:
    print(f"• {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
