"""Kafka behind TLS, logins and ACLs, reached with what Secrets hold, as the chart asks Strimzi for it."""

import base64
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from adclicks.kafka_child.process import KafkaProcess
from lagscaler import lag
from lagscaler.lag import LagUnavailableError, Reading
from lagscaler.source import SecuredLag
from lagscaler.spec import parse
from localstack.guardian import Guardian
from localstack.jars import cache_folder
from localstack.ports import HOST
from localstack.stack import prepare_java
from testbed.certificates import Authority
from testbed.kafka_acls import acls
from testbed.polling import eventually
from testbed.secured_kafka import SecuredKafka

TOPIC, GROUP = "clicks", "consumers"


@dataclass(frozen=True)
class Secured:
    """The broker, and Secrets by name, as the API server gives them."""

    broker: SecuredKafka
    data: Mapping[str, Mapping[str, bytes]]

    async def secret(self, _namespace: str, name: str) -> Mapping[str, str]:
        return {key: base64.b64encode(value).decode() for key, value in self.data[name].items()}

    async def read(self, process: KafkaProcess, **changes: Any) -> Reading:
        """One look at ``TOPIC`` with this ``spec.kafka``."""
        kafka = {"topic": TOPIC, "group": GROUP, "tls": {"caSecret": "ca"}} | changes
        spec = {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "consumer"},
            "kafka": kafka,
            "maxReplicas": 1,
            "ratePerConsumer": 1,
        }
        return await SecuredLag(parse(spec).kafka, "shop", self, process).read()

    def scram(self, **changes: Any) -> dict[str, Any]:
        sasl = {"secret": "user", "username": "operator"}
        address = f"{HOST}:{self.broker.port}"
        return {"bootstrapServers": address, "securityProtocol": "sasl_ssl", "sasl": sasl | changes}

    def certificate(self) -> dict[str, Any]:
        address = f"{HOST}:{self.broker.certificate_port}"
        return {
            "bootstrapServers": address,
            "securityProtocol": "ssl",
            "tls": {"caSecret": "ca", "clientSecret": "user"},
        }


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, guardian: Guardian) -> Iterator[Secured]:
    """Running; the operator may describe the topic and the group, and nothing else."""
    folder, authority = tmp_path_factory.mktemp("secured"), Authority()
    java = prepare_java(cache_folder(os.environ, Path.home()))
    broker = SecuredKafka(folder / "kafka", authority, folder / "kafka.log", guardian, java)
    broker.start()
    broker.add_user("operator", "secret")
    for principal in ("User:operator", "User:CN=operator"):
        broker.grant(principal, acls(TOPIC, GROUP)["operator"])
    admin = AdminClient(_files(broker.admin_environment))
    admin.create_topics([NewTopic(TOPIC, 2, 1)])[TOPIC].result(30)
    eventually(lambda: _has_topic(admin))
    client = authority.client("operator")
    files = {"password": b"secret\n", "wrong": b"guess", "tls.crt": client.certificate, "tls.key": client.key}
    yield Secured(
        broker,
        {"ca": {"ca.crt": authority.certificate}, "other": {"ca.crt": Authority().certificate}, "user": files},
    )
    broker.stop()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Kafka refuses is met at once; the rest of the time is waited for another answer."""
    monkeypatch.setattr(lag, "REQUEST_TIMEOUT_SECONDS", 1.5)


def _files(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        "bootstrap.servers": environment["KAFKA_ADDRESS"],
        "security.protocol": "ssl",
        "ssl.ca.location": environment["KAFKA_CA_FILE"],
        "ssl.certificate.location": environment["KAFKA_CERT_FILE"],
        "ssl.key.location": environment["KAFKA_KEY_FILE"],
    }


def _has_topic(admin: AdminClient) -> None:
    assert TOPIC in admin.list_topics(timeout=5).topics


async def test_the_lag_is_read_with_what_secrets_hold(secured: Secured, process: KafkaProcess) -> None:
    """With SCRAM, and with a client certificate; the rights that the chart asks for are enough for all of it."""
    for login in (secured.scram(), secured.certificate()):
        reading = await _complete(secured, process, login)
        assert [(part.end, part.committed) for part in reading.partitions] == [(0, None), (0, None)]
        assert reading.member_count == 0


async def test_what_is_refused_names_the_field_to_mend(secured: Secured, process: KafkaProcess) -> None:
    """A wrong password, a CA that did not sign, a topic and a group without rights."""
    wrong = {
        "spec.kafka.sasl": secured.scram(passwordKey="wrong"),
        "spec.kafka.tls": {**secured.scram(), "tls": {"caSecret": "other"}},
        "spec.kafka.topic": {**secured.scram(), "topic": "payments"},
        "spec.kafka.group": {**secured.scram(), "group": "others"},
    }
    told = {}
    for field, kafka in wrong.items():
        with pytest.raises(LagUnavailableError) as refused:
            await secured.read(process, **kafka)
        told[field] = (str(refused.value).split(": ")[0], refused.value.reason)
    assert told == {
        "spec.kafka.sasl": ("spec.kafka.sasl", "LoginRefused"),
        "spec.kafka.tls": ("spec.kafka.tls", "TlsFailed"),
        "spec.kafka.topic": ("spec.kafka.topic", "NotAuthorized"),
        "spec.kafka.group": ("spec.kafka.group", "NotAuthorized"),
    }


async def _complete(secured: Secured, process: KafkaProcess, login: Mapping[str, Any]) -> Reading:
    """Right after its start a broker has no coordinator for groups."""
    for _ in range(20):
        try:
            reading = await secured.read(process, **login)
        except LagUnavailableError as error:
            assert error.reason == "KafkaUnreachable"  # noqa: PT017 a refusal is no matter of time
            continue
        if reading.member_count is not None:
            return reading
    pytest.fail("Kafka is not read completely")
