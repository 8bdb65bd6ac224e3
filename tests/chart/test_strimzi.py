"""What the chart asks of Strimzi, and what it expects of the secrets and pods that Strimzi makes."""

from typing import Any

import pytest

from chart.conftest import KIND, PREFIX, PRODUCTION, Objects, Render, environment
from testbed.kafka_acls import Acl, acls

SMALL = (*KIND, "--set", "kafka.mode=strimzi,kafka.external.bootstrapServers=")
CLUSTER = f"{PREFIX}-kafka"
# What the restricted Pod Security level asks of a container, and Strimzi leaves out unless told.
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
# Of a pod's name, and of each label; Strimzi has the pod's name as a label, too.
NAME_CHARACTERS = 63
CNPG_NAME_CHARACTERS = 50


def _spec(objects: Objects, kind: str) -> dict[str, Any]:
    found = [item["spec"] for key, item in objects.items() if key.startswith(f"{kind}/")]
    assert len(found) == 1
    spec: dict[str, Any] = found[0]
    return spec


def test_with_scram_each_service_has_its_own_user(render: Render) -> None:
    """Passwords come from Strimzi's secrets, as does the CA."""
    ingest = environment(render(*PRODUCTION), "ingest")
    assert ingest["KAFKA_ADDRESS"] == f"{CLUSTER}-kafka-bootstrap.ads.svc:9093"
    assert ingest["KAFKA_SECURITY_PROTOCOL"] == "sasl_ssl"
    assert ingest["KAFKA_SASL_MECHANISM"] == "SCRAM-SHA-512"
    assert ingest["KAFKA_USERNAME"] == f"{PREFIX}-ingest"
    assert ingest["KAFKA_PASSWORD"] == {"secretKeyRef": {"name": f"{PREFIX}-ingest", "key": "password"}}


def test_with_tls_the_client_certificate_is_mounted(render: Render) -> None:
    """Mutual TLS, without a password anywhere."""
    objects = render(*PRODUCTION, "--set", "kafka.strimzi.authentication=tls")
    consumer = environment(objects, "consumer")
    assert consumer["KAFKA_SECURITY_PROTOCOL"] == "ssl"
    assert consumer["KAFKA_CERT_FILE"] == "/etc/adclicks/kafka-client/user.crt"
    assert consumer["KAFKA_KEY_FILE"] == "/etc/adclicks/kafka-client/user.key"
    # The folder: while Strimzi replaces the CA, the old one is in the same secret under another name.
    assert consumer["KAFKA_CA_FILE"] == "/etc/adclicks/kafka-ca"
    assert "KAFKA_PASSWORD" not in consumer
    volumes = objects[f"Deployment/{PREFIX}-consumer"]["spec"]["template"]["spec"]["volumes"]
    mounted = {volume["name"]: volume["secret"]["secretName"] for volume in volumes if "secret" in volume}
    assert mounted["kafka-client"] == f"{PREFIX}-consumer"
    assert mounted["kafka-ca"] == f"{CLUSTER}-cluster-ca-cert"


def test_the_acls_are_those_that_the_pipeline_is_tested_with(render: Render) -> None:
    """No right that nobody needs, and none is missing: tests/integration/tls runs on a real Kafka with exactly these."""
    objects = render(*PRODUCTION)
    for service, wanted in acls("clicks", "adclicks-consumer").items():
        rules = objects[f"KafkaUser/{PREFIX}-{service}"]["spec"]["authorization"]["acls"]
        assert all(rule["resource"]["patternType"] == "literal" for rule in rules)
        assert [
            Acl(rule["resource"]["type"], rule["resource"]["name"], tuple(rule["operations"])) for rule in rules
        ] == wanted


def test_production_keeps_each_click_on_three_brokers(render: Render) -> None:
    """Three copies, two of them in sync before a click is acknowledged; one broker of one, on kind."""
    objects = render(*PRODUCTION)
    production = objects[f"KafkaTopic/{PREFIX}-clicks"]["spec"]
    assert (production["replicas"], production["config"]["min.insync.replicas"]) == (3, 2)
    assert _spec(objects, "Kafka")["kafka"]["rack"]["topologyKey"] == "topology.kubernetes.io/zone"
    small = render(*SMALL)
    assert small[f"KafkaTopic/{PREFIX}-clicks"]["spec"]["replicas"] == 1
    assert _spec(small, "Kafka")["kafka"]["config"]["offsets.topic.replication.factor"] == 1


def test_nothing_is_asked_for_that_is_not_needed(render: Render) -> None:
    """No exporter (lag is ours), no Cruise Control, no bridge; and topics go together with their Kafka."""
    spec = _spec(render(*PRODUCTION), "Kafka")
    assert set(spec) == {"kafka", "entityOperator"}
    variables = spec["entityOperator"]["template"]["topicOperatorContainer"]["env"]
    assert {"name": "STRIMZI_USE_FINALIZERS", "value": "false"} in variables


def test_strimzis_pods_are_of_the_restricted_level(render: Render) -> None:
    """Else a namespace that enforces it would refuse the brokers."""
    objects = render(*PRODUCTION)
    entity_operator = _spec(objects, "Kafka")["entityOperator"]["template"]
    pool = _spec(objects, "KafkaNodePool")["template"]
    containers = [entity_operator[f"{name}OperatorContainer"] for name in ("topic", "user")]
    containers += [pool[f"{name}Container"] for name in ("kafka", "init")]
    assert [container["securityContext"] for container in containers] == [RESTRICTED] * 4


@pytest.mark.parametrize("release", ["r", "ads-click-tracking", "a-release-with-quite-a-long-name-for-the-clicks"])
def test_the_names_of_what_operators_make_are_short_enough(render: Render, release: str) -> None:
    """Whatever the release is called: a longer name would be refused when the operator makes the pod."""
    objects = render(*PRODUCTION, release=release)
    (cluster,) = (item["metadata"]["name"] for key, item in objects.items() if key.startswith("Kafka/"))
    (pool,) = (item["metadata"]["name"] for key, item in objects.items() if key.startswith("KafkaNodePool/"))
    assert len(f"{cluster}-{pool}-99") <= NAME_CHARACTERS
    assert len(f"{cluster}-kafka-bootstrap") <= NAME_CHARACTERS
    (postgresql,) = (item["metadata"]["name"] for key, item in objects.items() if key.startswith("Cluster/"))
    assert len(postgresql) <= CNPG_NAME_CHARACTERS


def test_an_upgrade_of_the_chart_alone_restarts_no_broker(render: Render) -> None:
    """Strimzi copies labels to its pods, but not those of app.kubernetes.io."""
    objects = render(*PRODUCTION)
    for key, item in objects.items():
        if key.startswith(("Kafka/", "KafkaNodePool/")):
            labels = {label for label in item["metadata"]["labels"] if not label.startswith("app.kubernetes.io/")}
            assert labels <= {"strimzi.io/cluster"}, key


def test_only_our_pods_reach_the_brokers_where_the_network_is_closed(render: Render) -> None:
    """The brokers' own NetworkPolicy is Strimzi's, and lets in whom the listener names."""
    objects = render(*PRODUCTION, "--set", "networkPolicy.kafkaClients[0].podSelector.matchLabels.app=mine")
    (listener,) = _spec(objects, "Kafka")["kafka"]["listeners"]
    selectors = [peer["podSelector"]["matchLabels"] for peer in listener["networkPolicyPeers"]]
    components = [labels.get("app.kubernetes.io/component") for labels in selectors]
    assert components == ["ingest", "consumer", "analytics", "operator", None]
    (open_listener,) = _spec(render(*SMALL), "Kafka")["kafka"]["listeners"]
    assert "networkPolicyPeers" not in open_listener


def test_broker_settings_of_yours_go_before_those_of_the_chart(render: Render) -> None:
    """A key twice in one map would be no YAML at all."""
    objects = render(
        *PRODUCTION, "--set-json", 'kafka.strimzi.config={"min.insync.replicas": 1, "log.segment.bytes": 1}'
    )
    config = _spec(objects, "Kafka")["kafka"]["config"]
    assert (config["min.insync.replicas"], config["log.segment.bytes"]) == (1, 1)
    assert config["auto.create.topics.enable"] is False


@pytest.mark.parametrize("keep", [True, False])
def test_uninstalling_keeps_the_clicks_unless_told_otherwise(render: Render, keep: bool) -> None:
    """Deleting a KafkaTopic deletes its clicks, so that takes a word of yours."""
    setting = f"kafka.strimzi.keepOnUninstall={str(keep).lower()},postgresql.cnpg.keepOnUninstall={str(keep).lower()}"
    objects = render(*PRODUCTION, "--set", setting)
    kept = {
        key.partition("/")[0]
        for key, item in objects.items()
        if "helm.sh/resource-policy" in item["metadata"].get("annotations", {})
    }
    assert kept == ({"Kafka", "KafkaNodePool", "KafkaTopic", "Cluster"} if keep else set())
    (volume,) = _spec(objects, "KafkaNodePool")["storage"]["volumes"]
    assert volume["deleteClaim"] is not keep
