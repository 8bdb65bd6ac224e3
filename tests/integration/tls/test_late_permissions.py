"""Permissions that are granted late, on a real Kafka with ACLs: services take up their work without a restart."""

import pytest

from localstack.guardian import Guardian
from localstack.ports import HOST
from testbed import http
from testbed.clicks import encode, new_click
from testbed.installation import Installation
from testbed.kafka_acls import Acl
from testbed.polling import eventually
from testbed.secured import PASSWORD, SecuredStack

_REDIS_DATABASE = 13
USER = "late"


@pytest.fixture(scope="module")
def unprivileged(secured: SecuredStack, guardian: Guardian, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """One whose user may see the topic, and nothing else."""
    made = Installation(secured, tmp_path_factory.mktemp("late"), guardian, 2, _REDIS_DATABASE)
    secured.broker.add_user(USER, PASSWORD)
    secured.broker.grant(f"User:{USER}", [Acl("topic", made.topic, ("Describe",))])
    return made


def login(secured: SecuredStack) -> dict[str, str]:
    """The variables of that user."""
    return {
        **secured.login("ingest", "scram"),
        "KAFKA_USERNAME": USER,
        "KAFKA_ADDRESS": f"{HOST}:{secured.broker.port}",
    }


def test_ingest_takes_clicks_once_it_may_write(secured: SecuredStack, unprivileged: Installation) -> None:
    """Idle, its producer meets a fatal error: not ready, with the reason, logged once; with the permission it works."""
    ingest = unprivileged.service("ingest", ready_path="/healthz/live", **login(secured))
    try:

        def says_why() -> None:
            answer = ingest.get("/healthz/ready")
            assert answer.status == 503
            assert "authorization failed" in answer.error["details"][0]["error"]

        eventually(says_why)
        workers = ingest.workers()
        click = encode(new_click())
        with http.client(ingest.url) as client:
            refused = client.post("/ads/click", click)
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        eventually(lambda: require(replacements(ingest.get("/metrics").body.decode()) >= 3))
        says_why()
        assert ingest.log_text().count("kafka producer replaced") == 1

        secured.broker.grant(f"User:{USER}", [Acl("topic", unprivileged.topic, ("Write",))])

        eventually(lambda: require(ingest.is_healthy()))

        def is_taken() -> None:
            with http.client(ingest.url) as opened:
                assert opened.post("/ads/click", click).status == 202

        eventually(is_taken)
        assert ingest.workers() == workers
        assert {message.value()[:20] for message in unprivileged.records()} == {click[:20]}  # type: ignore[index]
    finally:
        ingest.stop()


def replacements(metrics: str) -> float:
    """How many producers were replaced because they were broken."""
    lines = [
        line for line in metrics.splitlines() if line.startswith('adclicks_producers_replaced_total{reason="broken"')
    ]
    return sum(float(line.split()[-1]) for line in lines)


def require(holds: bool) -> None:
    """For ``eventually``."""
    assert holds
