"""P2 and P3: what ingest takes on one core, each click acknowledged by Kafka before it is answered."""

from bench import targets
from bench.limits import bare_rate, producer_rate
from bench.load import CONNECTIONS, WrkResult, wrk
from bench.measurement import Measurement, NotMeasured
from bench.pipeline import Pipeline
from bench.process import pinned
from bench.workplace import Workplace

# Enough to keep one core busy with bodies of a hundred kilobytes; more would only wait.
_BATCH_CONNECTIONS = 16
_WARM_UP_SECONDS = 2


def single_clicks(place: Workplace) -> list[Measurement]:
    """P2."""
    measured = []
    # Most clients send that field; it has no meaning in HTTP/1.1, and must have no cost.
    for what, field in (("single clicks on one core", None), ("the same with Connection: keep-alive", "keep-alive")):
        with place.pipeline() as pipeline:
            result, wrong = load(place, pipeline, CONNECTIONS, 1, field)
            limit = bare_rate(pipeline, place.sizes.load_seconds, CONNECTIONS)
        rate, target = result.requests / result.seconds, targets.CLICKS_A_SECOND
        place.say(f"answers after {result.p50_ms:.1f} ms (p50), {result.p99_ms:.1f} ms (p99)")
        measured.append(Measurement("P2", what, rate, "/s", target.value, target.at_least, limit, wrong))
    return measured


def batches(place: Workplace) -> list[Measurement]:
    """P3."""
    size = place.sizes.batch
    with place.pipeline() as pipeline:
        result, wrong = load(place, pipeline, _BATCH_CONNECTIONS, size)
    with place.pipeline() as pipeline:
        limit = producer_rate(pipeline, place.sizes)
    rate, target = result.requests * size / result.seconds, targets.BATCHED_CLICKS_A_SECOND
    what = f"clicks in batches of {size} on one core"
    return [Measurement("P3", what, rate, "/s", target.value, target.at_least, limit, wrong)]


def load(
    place: Workplace, pipeline: Pipeline, connections: int, batch: int, field: str | None = None
) -> tuple[WrkResult, str]:
    """What one pinned worker answers to ``connections``, ``batch`` clicks a request, and what was wrong with it.

    ``field``: the value of a Connection field in each request.
    """
    ingest = pipeline.start("ingest", pinned(()), WEB_CONCURRENCY="1")
    wrk(place.runner, ingest.url, _WARM_UP_SECONDS, connections, batch, field)
    before = pipeline.records()
    result = wrk(place.runner, ingest.url, place.sizes.load_seconds, connections, batch, field)
    ingest.stop()
    if not result.requests:
        raise NotMeasured("ingest answered nothing")
    kept, acknowledged = pipeline.records() - before, result.requests * batch
    if result.errors:
        return result, f"{result.errors} answers were errors"
    return result, "" if kept >= acknowledged else f"{acknowledged - kept} acknowledged clicks are not in Kafka"
