"""A worker that gets nothing from Kafka, while its group's protocol and all else go on: seen by offsets alone, and replaced."""

import re
import signal

import psutil

from testbed.brokers import freeze, thaw
from testbed.clicks import encode, new_click
from testbed.installation import by_ad
from testbed.polling import eventually
from testbed.proxied import Proxied
from testbed.services import Service

LIVE = "/healthz/live"


def test_a_stalled_worker_is_replaced(proxied: Proxied) -> None:
    """The lag says what waits, readiness that it does not move; then another worker reads it, and the counter tells so."""
    pool = proxied.installation.service("consumer", CONSUMER_PROGRESS_SECONDS="5")
    try:
        (stalled,) = pool.workers()
        proxied.proxy.starved = {stalled.pid}
        clicks = [new_click() for _ in range(100)]
        proxied.installation.produce([encode(click) for click in clicks])
        eventually(lambda: require(lag(pool) == 100))
        eventually(lambda: require(not pool.is_healthy()))
        assert pool.is_healthy(LIVE)

        proxied.installation.settled()

        proxied.installation.assert_counted_once(by_ad(clicks))
        assert stalled.pid not in [worker.pid for worker in pool.workers()]
        assert "worker replaced" in pool.log_text()
        eventually(lambda: require((sample(pool, "adclicks_workers_replaced_total") or 0) >= 1))
        eventually(lambda: require(lag(pool) == 0 and pool.is_healthy()))
    finally:
        proxied.proxy.starved = set()
        pool.stop()


def test_where_no_new_worker_helps_liveness_says_so(proxied: Proxied) -> None:
    """Each new one stalls as well; the pool ends in time all the same, and nothing is lost."""
    pool = proxied.installation.service("consumer", CONSUMER_PROGRESS_SECONDS="5")
    try:
        proxied.proxy.starves_all = True
        before = sum(proxied.installation.counts().values())
        proxied.installation.produce([encode(new_click()) for _ in range(10)])
        eventually(lambda: require(not pool.is_healthy(LIVE)))
        assert sample(pool, "adclicks_consumer_stalled_partitions") > 0
    finally:
        pool.stop()
        proxied.proxy.starves_all = False
    assert pool.child.exit_code() == 0

    pool.start()

    proxied.installation.settled()
    assert sum(proxied.installation.counts().values()) == before + 10
    pool.stop()


def test_kafka_does_not_answer(proxied: Proxied) -> None:
    """The lag has no sample, never a 0; nobody is replaced for it; SIGTERM ends a worker whose client waits for Kafka."""
    pool = proxied.installation.service("consumer", CONSUMER_PROGRESS_SECONDS="5")
    try:
        eventually(lambda: require(lag(pool) == 0))
        workers = pool.workers()
        freeze([proxied.kafka])
        eventually(lambda: require(lag(pool) is None))
        age = sample(pool, "adclicks_consumer_lag_age_seconds")
        assert age is not None
        assert pool.is_healthy(LIVE)
        assert pool.workers() == workers
        workers[0].send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(workers, 25)
        assert alive == []
    finally:
        thaw([proxied.kafka])
    eventually(lambda: require(lag(pool) == 0))
    assert sample(pool, "adclicks_workers_replaced_total") in {0, None}
    pool.stop()


def sample(pool: Service, name: str) -> float | None:
    """The sum of a metric's samples; None where it has none."""
    found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", pool.get("/metrics").body.decode(), re.MULTILINE)
    return sum(map(float, found)) if found else None


def lag(pool: Service) -> float | None:
    """Over all partitions."""
    return sample(pool, "adclicks_consumer_lag")


def require(holds: bool) -> None:
    """For ``eventually``."""
    assert holds
