"""kill -9 of any part while clicks come in: after its restart nothing acknowledged is missing, nothing is counted twice."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from threading import Event
from typing import Any

import pytest

from testbed.installation import Installation
from testbed.load import Load
from testbed.polling import eventually
from testbed.services import Service

# Acknowledged before the fault, and again after it.
SOME = 300


@dataclass(frozen=True)
class Pipeline:
    """The services of one installation."""

    installation: Installation
    ingest: Service
    consumer: Service
    analytics: Service

    def live_totals(self) -> dict[str, int]:
        """What GET /ads/analytics says."""
        answer = self.analytics.get("/ads/analytics")
        assert answer.status == 200, answer.body
        return {item["ad_id"]: int(item["total_clicks"]) for item in answer.json["data"] if item["total_clicks"] != "0"}


@pytest.fixture(scope="module")
def pipeline(make_installation: Any) -> Pipeline:
    """Two workers in the pool, small batches, a short bound for acknowledgements."""
    installation = make_installation(partitions=4)
    return Pipeline(
        installation,
        installation.service("ingest", KAFKA_ACK_TIMEOUT_SECONDS="3"),
        installation.service("consumer", CONSUMER_WORKERS="2", CONSUMER_BATCH_ROWS="200"),
        installation.service("analytics"),
    )


def assert_right(pipeline: Pipeline, load: Load) -> None:
    """In the truth, in every sum, in Redis, and in what analytics answers."""
    load.assert_counted(pipeline.installation)

    def answered() -> None:
        assert pipeline.live_totals() == pipeline.installation.counts()

    eventually(answered)


def goes_on(load: Load) -> None:
    """More clicks are acknowledged than there were."""
    reached = len(load.acknowledged)
    eventually(lambda: load.require(reached + SOME))


@pytest.mark.parametrize("names", [("consumer",), ("ingest", "analytics")], ids="+".join)
def test_killed_services(pipeline: Pipeline, names: tuple[str, ...]) -> None:
    """All processes of each at once, and a start."""
    services: list[Service] = [getattr(pipeline, name) for name in names]
    with Load(pipeline.ingest.url).running() as load:
        goes_on(load)
        for service in services:
            service.kill()
        for service in services:
            service.start()
        goes_on(load)

    assert_right(pipeline, load)


def test_killed_workers(pipeline: Pipeline) -> None:
    """One worker process of each of the three; its parent replaces it."""
    with Load(pipeline.ingest.url).running() as load:
        goes_on(load)
        dead = {service: service.kill_worker() for service in (pipeline.ingest, pipeline.consumer, pipeline.analytics)}
        for service, pid in dead.items():
            eventually(partial(assert_replaced, service, pid))
        goes_on(load)

    assert_right(pipeline, load)


def assert_replaced(service: Service, dead: int) -> None:
    """Another worker works in its place."""
    assert dead not in [worker.pid for worker in service.workers()]
    assert service.is_healthy()


def test_a_killed_parent_of_the_pool(pipeline: Pipeline) -> None:
    """Its workers leave by themselves; a new pool beside them counts nothing twice."""
    with Load(pipeline.ingest.url).running() as load:
        goes_on(load)
        pipeline.consumer.kill_parent()
        pipeline.consumer.start()
        goes_on(load)

    assert_right(pipeline, load)


def test_killed_servers(pipeline: Pipeline) -> None:
    """PostgreSQL, then Kafka: with their data on disk they start again; no service of ours has to."""
    infra = pipeline.installation.infra
    ingest, consumer = pipeline.ingest.workers(), pipeline.consumer.workers()
    with Load(pipeline.ingest.url).running() as load:
        goes_on(load)
        infra.postgres.kill()
        goes_on(load)
        infra.postgres.start()
        infra.kafka.kill()
        infra.kafka.start()
        goes_on(load)

    assert_right(pipeline, load)
    assert set(load.refused) <= {503}
    assert pipeline.ingest.workers() == ingest
    assert pipeline.consumer.workers() == consumer


def test_redis_stopped_and_flushed_in_the_middle(pipeline: Pipeline) -> None:
    """Every number that analytics gives is right while it is away, and after it is back with nothing in it."""
    stop = Event()
    with ThreadPoolExecutor(1) as threads, Load(pipeline.ingest.url).running() as load:
        watched = threads.submit(watch, pipeline, stop)
        try:
            goes_on(load)
            pipeline.installation.infra.valkey.stop()
            goes_on(load)
            pipeline.installation.infra.valkey.start()
            goes_on(load)
            pipeline.installation.redis.flushall()
            goes_on(load)
        finally:
            stop.set()
        assert watched.result() > 10

    assert load.refused == []
    assert_right(pipeline, load)


def watch(pipeline: Pipeline, stop: Event) -> int:
    """Asserts that no answer's total ever falls or runs ahead of the truth; returns how many answers there were."""
    answers, sums = 0, [0]
    while not stop.is_set():
        try:
            total = sum(pipeline.live_totals().values())
        except (OSError, HTTPException):
            continue
        answers += 1
        sums.append(total)
        ((truth,),) = pipeline.installation.sql("select count(*) from clicks")
        assert sums[-2] <= total <= truth
    return answers
