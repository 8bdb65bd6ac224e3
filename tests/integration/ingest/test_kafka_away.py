"""Kafka away: 503 within the bound, never a 2xx; what was acknowledged before and after is there, and nothing restarts."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from testbed.clicks import encode, new_click
from testbed.http import Answer, client
from testbed.installation import Installation
from testbed.polling import eventually
from testbed.services import Service

TIMEOUT_SECONDS = 2
# The Kafka client looks for what has timed out once a second; the rest is for a busy machine.
SLACK_SECONDS = 6


@pytest.fixture(scope="module")
def ingest(installation: Installation) -> Service:
    """With a shorter bound than usual, and a short queue."""
    return installation.service("ingest", KAFKA_ACK_TIMEOUT_SECONDS=str(TIMEOUT_SECONDS), KAFKA_QUEUE_CLICKS="100")


def post(ingest: Service, path: str, document: object) -> tuple[Answer, float]:
    """The answer, and how many seconds it took."""
    started = time.monotonic()
    with client(ingest.url) as opened:
        answer = opened.post(path, encode(document))
    return answer, time.monotonic() - started


def assert_refused(answer: Answer) -> None:
    """503, in the envelope, with the time after which to try again."""
    assert answer.status == 503
    assert answer.error["code"] == "SERVICE_UNAVAILABLE"
    assert int(answer.headers["Retry-After"]) >= 1


def test_clicks_are_refused_in_time_while_kafka_is_away(ingest: Service, installation: Installation) -> None:
    """On both paths; alive but not ready; with Kafka's return clicks are taken again by the same processes.

    A service that starts meanwhile comes up, and does the same.
    """
    before = new_click()
    workers = ingest.workers()
    assert post(ingest, "/ads/click", before)[0].status == 202
    installation.infra.kafka.stop()
    try:
        with ThreadPoolExecutor(30) as threads:
            singles = [threads.submit(post, ingest, "/ads/click", new_click()) for _ in range(20)]
            batches = [threads.submit(post, ingest, "/ads/clicks", [new_click(), new_click()]) for _ in range(5)]
            for future in (*singles, *batches):
                answer, seconds = future.result()
                assert_refused(answer)
                assert seconds < TIMEOUT_SECONDS + SLACK_SECONDS
        eventually(lambda: require(not ingest.is_healthy()))
        assert ingest.is_healthy("/healthz/live")
        # A wrong click is still told so.
        assert post(ingest, "/ads/click", {})[0].status == 400
        late = installation.service(
            "ingest", ready_path="/healthz/live", KAFKA_ACK_TIMEOUT_SECONDS=str(TIMEOUT_SECONDS)
        )
        assert late.get("/healthz/ready").status == 503
        assert_refused(post(late, "/ads/click", new_click())[0])
    finally:
        installation.infra.kafka.start()
    eventually(lambda: require(ingest.is_healthy() and late.is_healthy()))

    after, by_the_late_one = new_click(), new_click()
    assert post(ingest, "/ads/click", after)[0].status == 202
    assert post(late, "/ads/click", by_the_late_one)[0].status == 202
    late.stop()
    keys = {message.key() for message in installation.records()}
    assert {click["clickId"].encode() for click in (before, after, by_the_late_one)} <= keys
    assert ingest.workers() == workers


def test_a_full_queue_is_503_at_once(ingest: Service, installation: Installation) -> None:
    """More clicks than may wait for Kafka: refused without waiting for the bound; in a batch as a whole."""
    answer, seconds = post(ingest, "/ads/clicks", [new_click() for _ in range(1_000)])

    assert_refused(answer)
    assert seconds < TIMEOUT_SECONDS
    eventually(lambda: require(post(ingest, "/ads/click", new_click())[0].status == 202))


def test_a_topic_that_is_missing_is_503_and_named(installation: Installation) -> None:
    """Readiness says which topic; no click is taken, and no topic is made."""
    lost = installation.service(
        "ingest", ready_path="/healthz/live", KAFKA_TOPIC="nobody-made-this", KAFKA_ACK_TIMEOUT_SECONDS="1"
    )

    ready = lost.get("/healthz/ready")

    assert ready.status == 503
    assert "nobody-made-this" in ready.error["details"][0]["error"]
    assert_refused(post(lost, "/ads/click", new_click())[0])
    assert "nobody-made-this" not in installation.admin.list_topics(timeout=10).topics
    lost.stop()


def require(holds: bool) -> None:
    """For ``eventually``."""
    assert holds
