"""Clicks through Kafka, PostgreSQL and Redis over TLS, by the chart's users and ACLs, with files that rotate."""

import psycopg
import pytest
import redis

from adclicks import kafka, postgres, redis_totals
from adclicks.settings import KafkaSettings, PostgresSettings, RedisSettings, read
from integration.tls.conftest import Pipeline
from testbed import traffic
from testbed.polling import eventually

CLICKS = 300
RATE = 50


def _counted_everywhere(pipeline: Pipeline, sent: traffic.Traffic) -> None:
    """Each accepted click is counted once, and the next one is served from Redis."""

    def served_from_redis() -> None:
        # One more: while the ledger stands still, the answer is the one given before.
        more = traffic.send(pipeline.ingest.url, 1)
        pipeline.installation.settled()
        answer = pipeline.analytics.get("/ads/analytics")
        assert answer.status == 200, answer.body
        assert answer.headers["X-Totals-Source"] == "redis"
        totals = {item["ad_id"]: item["total_clicks"] for item in answer.json["data"]}
        assert (totals[sent.ad_id], totals[more.ad_id]) == (str(sent.accepted), "1")

    pipeline.installation.settled()
    assert pipeline.installation.counts()[sent.ad_id] == sent.accepted
    eventually(served_from_redis, timeout_seconds=20.0)


def test_clicks_go_through_the_whole_pipeline(pipeline: Pipeline) -> None:
    """Each service logs in under its own name, and needs no more rights than the chart asks for."""
    sent = traffic.send(pipeline.ingest.url, CLICKS)
    assert (sent.accepted, sent.failures) == (CLICKS, [])
    _counted_everywhere(pipeline, sent)
    assert pipeline.ask("/audit")["data"]["total"]["lag"] == 0


def test_dead_letters_are_written_and_replayed_by_the_consumers_user(pipeline: Pipeline) -> None:
    """What can't be read goes to the dead letters, and `adclicks` in the consumer's pod may list and replay them."""
    pipeline.installation.produce([b"no click"])
    pipeline.installation.settled()
    assert "no click" in pipeline.adclicks("dead-letters", "list")
    assert "dead letters sent again" in pipeline.adclicks("dead-letters", "replay")


@pytest.mark.parametrize("pipeline", ["certificate"], indirect=True)
def test_everything_rotates_under_load(pipeline: Pipeline) -> None:
    """Another CA, other certificates of servers and clients, none of the old accepted: services go on, no click is lost."""
    secured, installation = pipeline.secured, pipeline.installation
    services = (pipeline.ingest, pipeline.consumer, pipeline.analytics)
    before = [service.child.pid for service in services]
    old = {**installation.environment, **secured.copied_login("consumer", pipeline.login)}
    with traffic.steady(pipeline.ingest.url, RATE) as sent:
        secured.rotate()
        installation.reconnect()
        accepted = sent.accepted

        def goes_on() -> None:
            assert sent.accepted >= accepted + RATE, sent.failures[-3:]

        eventually(goes_on, timeout_seconds=60.0)
    assert sent.abandoned == 0
    _counted_everywhere(pipeline, sent)
    assert [service.child.pid for service in services if service.child.exit_code() is None] == before
    with pytest.raises(kafka.KafkaUnavailableError):
        kafka.topic_id(kafka.admin(read(KafkaSettings, old)), installation.topic)
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        postgres.connect(read(PostgresSettings, old), "test")
    with pytest.raises(redis.RedisError, match="certificate verify failed"):
        redis_totals.connect(read(RedisSettings, old)).ping()
