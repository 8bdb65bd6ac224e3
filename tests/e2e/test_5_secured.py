"""Every connection over TLS: the chart in Strimzi's mode with the test in Strimzi's place, then with a Kafka of yours."""

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from testbed.certificates import Authority, Issued
from testbed.cluster import CHART, Cluster

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

RELEASE = "secured"
FULLNAME = f"{RELEASE}-ads-click-tracking"
KAFKA = f"{FULLNAME}-kafka"
USER, PASSWORD = "ads", "correct-horse"
STORES = {
    "postgresql.mode": "external",
    "postgresql.external.host": "secured-postgresql",
    "postgresql.external.existingSecret": "login",
    "postgresql.external.sslMode": "verify-full",
    "postgresql.external.caSecret": "ca",
    "redis.mode": "external",
    "redis.external.address": "secured-redis:6379",
    "redis.external.existingSecret": "login",
    "redis.external.usernameKey": "username",
    "redis.external.tls.enabled": "true",
    "redis.external.tls.caSecret": "ca",
    "router.enabled": "false",
    "router.service.type": "ClusterIP",
    "router.service.nodePort": "0",
}
STRIMZI = {"kafka.mode": "strimzi", "kafka.external.bootstrapServers": "", "kafka.strimzi.authentication": "tls"}


@pytest.fixture(scope="module")
def secured(cluster: Cluster, definitions: None) -> Iterator[Cluster]:
    """Servers that speak TLS only, and what Strimzi would have made of the chart's objects."""
    secured = Cluster(f"{cluster.namespace}-secured", cluster.helm_program)
    secured.create_namespace()
    authority = Authority()
    names = {
        "kafka": f"{KAFKA}-kafka-bootstrap.{secured.namespace}.svc",
        "postgresql": "secured-postgresql",
        "redis": "secured-redis",
    }
    for server, name in names.items():
        _secret(secured, f"secured-{server}-server", {**_files(authority, authority.server(name))})
    _secret(secured, "ca", {"ca.crt": authority.certificate})
    _secret(secured, "login", {"username": USER.encode(), "password": PASSWORD.encode()})
    _secret(secured, f"{KAFKA}-cluster-ca-cert", {"ca.crt": authority.certificate})
    for service in ("ingest", "consumer", "analytics"):
        issued = authority.client(f"{FULLNAME}-{service}")
        _secret(secured, f"{FULLNAME}-{service}", {"user.crt": issued.certificate, "user.key": issued.key})
    text = (Path(__file__).parent / "secured.yaml").read_text()
    for placeholder, value in {
        "NAMESPACE": secured.namespace,
        "CLUSTER": KAFKA,
        "USER": USER,
        "PASSWORD": PASSWORD,
    }.items():
        text = text.replace(f"@{placeholder}@", value)
    secured.kubectl("apply", "--filename=-", text=text)
    secured.kubectl("wait", "--for=condition=Ready", "pods", "--all", "--timeout=120s")
    yield secured
    secured.delete_namespace()


def test_strimzis_secrets_and_names_are_all_that_is_needed(secured: Cluster) -> None:
    """By client certificates to Kafka; with topics as Strimzi would make them, a click goes in and comes out, once."""
    _upgrade(secured, STORES | STRIMZI)
    consumer = f"deployment/{FULLNAME}-consumer"
    secured.kubectl("wait", "--for=jsonpath={.status.replicas}=1", consumer, "--timeout=60s")
    secured.kubectl(
        "wait", "--for=jsonpath={.status.phase}=Running", "pods", "--selector=app.kubernetes.io/component=consumer"
    )
    secured.kubectl("exec", consumer, "--", "adclicks", "create-topics", "--partitions=4")
    _works(secured)


def test_a_kafka_of_yours_with_a_password(secured: Cluster) -> None:
    """SASL_SSL with the secrets that the values name; the pods of the other mode are replaced."""
    external = {
        "kafka.mode": "external",
        "kafka.external.bootstrapServers": f"{KAFKA}-kafka-bootstrap.{secured.namespace}.svc:9094",
        "kafka.external.securityProtocol": "sasl_ssl",
        "kafka.external.sasl.existingSecret": "login",
        "kafka.external.tls.caSecret": "ca",
    }
    _upgrade(secured, STORES | external)
    _works(secured)


def _upgrade(cluster: Cluster, settings: Mapping[str, str]) -> None:
    words = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    values = str(CHART / "values-kind.yaml")
    cluster.helm("upgrade", "--install", RELEASE, str(CHART), "--values", values, *words)


def _works(cluster: Cluster) -> None:
    for service in ("ingest", "consumer", "analytics"):
        cluster.kubectl("rollout", "status", f"deployment/{FULLNAME}-{service}", "--timeout=120s")
    assert "Succeeded" in cluster.helm("test", RELEASE, "--logs")
    cluster.kubectl("exec", f"deployment/{FULLNAME}-consumer", "--", "adclicks", "audit", "--recount")


def _files(authority: Authority, issued: Issued) -> dict[str, bytes]:
    return {
        "ca.crt": authority.certificate,
        "tls.crt": issued.certificate,
        "tls.key": issued.key,
        "both.pem": issued.both,
    }


def _secret(cluster: Cluster, name: str, files: Mapping[str, bytes]) -> None:
    data = {key: base64.b64encode(value).decode() for key, value in files.items()}
    item = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
    cluster.kubectl("create", "--filename=-", text=json.dumps(item))
