"""P4: how fast the consumers drain a backlog."""

from bench import backlog, targets
from bench.drain import drain
from bench.limits import copy_rate
from bench.measurement import Measurement
from bench.workplace import Workplace


def backlog_drained(place: Workplace) -> list[Measurement]:
    """P4, for each size of the pool: the same backlog into a new database each time."""
    clicks, target = place.sizes.backlog, targets.DRAINED_A_SECOND
    with place.pipeline() as source:
        place.say(f"filling Kafka with {clicks:,} clicks")
        backlog.fill(source.kafka, clicks, place.now())
        limit = copy_rate(source, place.sizes)
    found = []
    for workers in place.consumer_workers:
        with place.pipeline(source.topic) as pipeline:
            place.say(f"draining them, workers: {workers}")
            drained = drain(pipeline, clicks, workers)
        pipeline.drop()
        what = f"clicks drained by {workers} worker{'s' if workers > 1 else ''}"
        found.append(Measurement("P4", what, drained.rate, "/s", target.value, target.at_least, limit, drained.wrong))
    return found
