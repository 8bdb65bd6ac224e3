"""A wrong CA, password or host name: the error says so, and the click waits at its sender."""

from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg
import pytest
import redis

from adclicks import kafka, postgres, redis_totals
from adclicks.settings import KafkaSettings, PostgresSettings, RedisSettings, read
from testbed import clicks, http
from testbed.certificates import Authority
from testbed.installation import Installation
from testbed.polling import eventually
from testbed.secured import SecuredStack

# The servers' certificates are for their address alone.
OTHER_HOST = "localhost"
Variables = Mapping[str, str]
Ask = Callable[[Variables], object]


def _ask_kafka(environment: Variables) -> object:
    return kafka.topic_id(kafka.admin(read(KafkaSettings, environment)), environment["KAFKA_TOPIC"])


def _ask_postgresql(environment: Variables) -> object:
    with postgres.connect(read(PostgresSettings, environment), "test") as connection:
        return connection.execute("select 1").fetchone()


def _ask_redis(environment: Variables) -> object:
    with redis_totals.connect(read(RedisSettings, environment)) as client:
        return client.ping()


def _other_host(address: str) -> str:
    return f"{OTHER_HOST}:{address.partition(':')[2]}"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Kafka refuses is met at once; the rest of the time is waited for another answer."""
    monkeypatch.setattr(kafka, "REQUEST_TIMEOUT_SECONDS", 1.5)


@pytest.fixture(scope="module")
def good(secured: SecuredStack, installation: Installation) -> dict[str, str]:
    """The consumer's variables."""
    return {**installation.environment, **secured.login("consumer", "scram")}


@pytest.mark.parametrize(
    ("ask", "names", "refusal"),
    [
        (_ask_kafka, ("KAFKA_CA_FILE", "KAFKA_PASSWORD", "KAFKA_ADDRESS"), kafka.KafkaUnavailableError),
        (_ask_postgresql, ("DB_SSL_ROOT_CERT", "DB_PASSWORD", "DB_HOST"), psycopg.OperationalError),
        (_ask_redis, ("REDIS_CA_FILE", "REDIS_PASSWORD", "REDIS_ADDR"), redis.RedisError),
    ],
    ids=["kafka", "postgresql", "redis"],
)
def test_what_is_wrong_is_told(
    good: Variables, tmp_path: Path, ask: Ask, names: tuple[str, str, str], refusal: type[Exception]
) -> None:
    """Its owner reads in the error whether it is the CA or name, or the password."""
    ca_file, password, address = names
    assert ask(good)
    (tmp_path / "other.crt").write_bytes(Authority().certificate)
    host = OTHER_HOST if address == "DB_HOST" else _other_host(good[address])
    with pytest.raises(refusal, match=r"certificate verify failed"):
        ask({**good, ca_file: str(tmp_path / "other.crt")})
    with pytest.raises(refusal, match=r"(?i)authentication failed|invalid username-password"):
        ask({**good, password: "wrong"})
    with pytest.raises(refusal, match=r"certificate verify failed|does not match host name"):
        ask({**good, address: host})


def test_a_click_waits_until_the_right_ca_is_mounted(
    secured: SecuredStack, installation: Installation, tmp_path: Path
) -> None:
    """With the wrong CA ingest is not ready and answers 503; the mounted secret corrected, the same click is taken."""
    mounted = secured.mounts("ingest")
    mounted.authority.replace({"ca.crt": Authority().certificate})
    login = secured.login("ingest", "scram")
    ingest = installation.service("ingest", ready_path="/healthz/live", KAFKA_ACK_TIMEOUT_SECONDS="2", **login)
    assert not ingest.is_healthy()
    assert "certificate verify failed" in ingest.log_text()
    body = clicks.encode(clicks.new_click())
    with http.client(ingest.url) as client:
        assert client.post("/ads/click", body).status == 503
    mounted.authority.replace({"ca.crt": secured.authority.certificate})

    def taken() -> None:
        with http.client(ingest.url) as client:
            assert client.post("/ads/click", body).status == 202

    eventually(taken, timeout_seconds=60.0)
    assert len(installation.records()) == 1


def test_while_a_ca_is_replaced_both_are_believed(secured: SecuredStack, installation: Installation) -> None:
    """Strimzi keeps the old CA beside the new one until every broker has a certificate of the new one."""
    mounted = secured.mounts("analytics")
    mounted.authority.replace(
        {"ca.crt": Authority().certificate, "ca-2026-11-25T10-00-00Z.crt": secured.authority.certificate}
    )
    environment = {**installation.environment, **secured.login("analytics", "scram")}
    assert _ask_kafka(environment)
    mounted.authority.replace({"ca.crt": secured.authority.certificate})
