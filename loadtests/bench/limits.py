"""What the machine does without our code: each limit is measured in the run of the figure that it stands beside."""

import time
from datetime import UTC, datetime

from bench import backlog
from bench.load import BareResult, k6_bare, wrk
from bench.measurement import Limit
from bench.pipeline import Pipeline
from bench.process import pinned
from bench.sizes import Sizes

_COPY_COLUMNS = "click_id, ad_id, name, ip, clicked_at, received_at, received_on, peer, kafka_partition, kafka_offset"
_COPY_ROWS = 10_000


def bare_rate(pipeline: Pipeline, seconds: int, connections: int) -> Limit:
    """Requests a second of a server that does nothing, on one core."""
    server = pipeline.start("bare", pinned(()), WEB_CONCURRENCY="1")
    result = wrk(pipeline.runner, server.url, seconds, connections)
    server.stop()
    return Limit("the same server, empty", result.requests / result.seconds)


def bare_benchmark(pipeline: Pipeline, row: int, pace: str, pace_seconds: int, workers: int) -> BareResult:
    """The benchmark's load on a server that does nothing."""
    server = pipeline.start("bare", WEB_CONCURRENCY=str(workers))
    settings = {"BASE_URL": server.url, "ROW": str(row), "PACE": pace, "PACE_SECONDS": str(pace_seconds)}
    result = k6_bare(pipeline.runner, pace_seconds + 120, settings)
    server.stop()
    return result


def producer_rate(pipeline: Pipeline, sizes: Sizes) -> Limit:
    """Records a second of one producer in Python, as many as in an ordinary run, acknowledged by all replicas."""
    return Limit("a bare producer", backlog.fill(pipeline.kafka, sizes.limit_records, datetime.now(UTC)))


def copy_rate(pipeline: Pipeline, sizes: Sizes) -> Limit:
    """Rows a second of COPY over one connection into a table like that of the clicks, without any index."""
    lines = "".join(
        f"{number:08x}-0000-4000-8000-000000000000\t{backlog.ad_id(number % backlog.ADS)}\tload test\t10.0.0.1\t"
        f"2026-01-01T00:00:00Z\t2026-01-01T00:00:00Z\t2026-01-01\t10.0.0.1\t0\t{number}\n"
        for number in range(_COPY_ROWS)
    )
    with pipeline.connect() as connection:
        connection.execute("create table copied (like clicks)")
        start = time.perf_counter()
        for _ in range(sizes.limit_records // _COPY_ROWS):
            with connection.cursor() as cursor, cursor.copy(f"copy copied ({_COPY_COLUMNS}) from stdin") as copy:
                copy.write(lines)
        seconds = time.perf_counter() - start
        connection.execute("drop table copied")
    return Limit("COPY alone", sizes.limit_records // _COPY_ROWS * _COPY_ROWS / seconds)
