"""What only the cluster knows is asked before anything is applied: the secrets that the values name, and their keys."""

import json

import pytest

from testbed.cluster import CHART, Cluster, CommandFailed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

HOST = "postgresql.mode=external,postgresql.external.host=db"
WRONG = {
    "a secret that is not there": (
        f"{HOST},postgresql.external.existingSecret=absent",
        ('postgresql.external.existingSecret is \\"absent\\"', "make it, with the keys password, username"),
    ),
    "a key that is not there": (
        f"{HOST},postgresql.external.existingSecret=half",
        ("postgresql.external.passwordKey", "(it has username)", "name the right key, or add it"),
    ),
    "a CA that is not there": (
        "redis.mode=external,redis.external.address=r:6379,redis.external.tls.enabled=true,redis.external.tls.caSecret=no-ca",
        ("redis.external.tls.caSecret", "make it, with the keys ca.crt"),
    ),
    "a client certificate that is not there": (
        "kafka.external.securityProtocol=ssl,kafka.external.tls.clientSecret=half",
        ("kafka.external.tls.certificateKey", "kafka.external.tls.keyKey"),
    ),
}


@pytest.fixture(scope="module")
def refusing(cluster: Cluster) -> Cluster:
    """With a secret that has less than the values say."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "half"}, "stringData": {"username": "ads"}}
    cluster.kubectl("apply", "--filename=-", text=json.dumps(secret))
    return cluster


@pytest.mark.parametrize(("settings", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_missing_secret_is_named_with_the_remedy(refusing: Cluster, settings: str, said: tuple[str, ...]) -> None:
    """And nothing is left behind: not even a release that failed."""
    with pytest.raises(CommandFailed) as refused:
        refusing.helm(
            "install", "refused", str(CHART), "--set", f"kafka.external.bootstrapServers=kafka:9092,{settings}"
        )
    missing = [words for words in said if words.replace("\\", "") not in str(refused.value).replace("\\", "")]
    assert not missing, str(refused.value)
    assert not refusing.get("all,secrets", "--selector", "app.kubernetes.io/instance=refused")


def test_whoever_makes_secrets_later_can_say_so(refusing: Cluster) -> None:
    """checkSecrets=false: the same values are rendered."""
    settings = f"checkSecrets=false,kafka.external.bootstrapServers=kafka:9092,{HOST}"
    arguments = ("--set", f"{settings},postgresql.external.existingSecret=absent", "--dry-run=server")
    refusing.helm("install", "refused", str(CHART), *arguments)
