"""A wrong values file is refused before anything is applied, with words that name the value and the remedy."""

from pathlib import Path

import pytest
import yaml

from chart.conftest import KINDS, template

GOOD = {"kafka": {"external": {"bootstrapServers": "kafka:9092"}}}
Values = dict[str, object]

# What is wrong, the values, and what the message must say: the value's path, and what to do.
WRONG: list[tuple[str, Values, tuple[str, ...]]] = [
    (
        "no Kafka named",
        {"kafka": {"external": {"bootstrapServers": ""}}},
        ("kafka.external.bootstrapServers", "kafka.mode=strimzi"),
    ),
    ("a typo in a key", {"ingest": {"replica": 3}}, ("/ingest", "'replica' not allowed")),
    (
        "a typo deep inside",
        {"kafka": {"external": {"tls": {"secret": "x"}}}},
        ("/kafka/external/tls", "'secret' not allowed"),
    ),
    ("a typo at the top", {"ingress-nginx": {}}, ("'ingress-nginx' not allowed",)),
    ("text for a number", {"consumer": {"replicas": "three"}}, ("/consumer/replicas", "want integer")),
    ("a number for text", {"image": {"tag": 1.2}}, ("/image/tag", "want string")),
    ("text for a switch", {"migrations": {"enabled": "yes"}}, ("/migrations/enabled", "want boolean")),
    ("a map for a list", {"ingest": {"tolerations": {"key": "x"}}}, ("/ingest/tolerations", "want array")),
    ("an unknown Kafka mode", {"kafka": {"mode": "confluent"}}, ("/kafka/mode", "'external', 'strimzi'")),
    (
        "an unknown PostgreSQL mode",
        {"postgresql": {"mode": "rds"}},
        ("/postgresql/mode", "'internal', 'cnpg', 'external'"),
    ),
    (
        "an unknown sslMode",
        {"postgresql": {"external": {"sslMode": "on"}}},
        ("/postgresql/external/sslMode", "'verify-full'"),
    ),
    ("an unknown log level", {"logLevel": "trace"}, ("/logLevel", "'debug', 'info'")),
    ("no pods", {"ingest": {"replicas": 0}}, ("/ingest/replicas", "minimum")),
    ("a port that is none", {"router": {"service": {"port": 70000}}}, ("/router/service/port", "maximum")),
    (
        "Kafka with a scheme",
        {"kafka": {"external": {"bootstrapServers": "kafka://a:9092"}}},
        ("kafka.external.bootstrapServers", "host:port"),
    ),
    (
        "Kafka without a port",
        {"kafka": {"external": {"bootstrapServers": "a,b"}}},
        ("kafka.external.bootstrapServers", "host:port"),
    ),
    (
        "a common label that selects pods",
        {"commonLabels": {"app.kubernetes.io/instance": "x"}},
        ("commonLabels has app.kubernetes.io/instance", "remove it"),
    ),
    (
        "a pod label that selects pods",
        {"consumer": {"podLabels": {"app.kubernetes.io/component": "x"}}},
        ("consumer.podLabels has app.kubernetes.io/component", "remove it"),
    ),
    (
        "a variable that the chart sets too",
        {"analytics": {"extraEnv": [{"name": "DB_HOST", "value": "x"}]}},
        ("analytics.extraEnv sets DB_HOST", "remove it"),
    ),
    ("a topic with a space", {"kafka": {"topic": "ad clicks"}}, ("kafka.topic", "letters, digits")),
    (
        "SASL without a secret",
        {"kafka": {"external": {"securityProtocol": "sasl_ssl"}}},
        ("kafka.external.sasl.existingSecret", "name a secret"),
    ),
    (
        "a SASL secret without SASL",
        {"kafka": {"external": {"sasl": {"existingSecret": "x"}}}},
        ("kafka.external.securityProtocol", "sasl_ssl"),
    ),
    (
        "a client certificate without TLS",
        {"kafka": {"external": {"tls": {"clientSecret": "x"}}}},
        ("kafka.external.tls.clientSecret", "use ssl"),
    ),
    (
        "a CA without TLS",
        {"kafka": {"external": {"tls": {"caSecret": "x"}}}},
        ("kafka.external.tls.caSecret", "use ssl"),
    ),
    ("two Kafkas", {"kafka": {"mode": "strimzi"}}, ("kafka.external.bootstrapServers", "kafka.mode=external")),
    (
        "more copies than brokers",
        {
            "kafka": {
                "mode": "strimzi",
                "replicationFactor": 3,
                "external": {"bootstrapServers": ""},
                "strimzi": {"replicas": 1},
            }
        },
        ("kafka.replicationFactor", "lower it to 1"),
    ),
    (
        "two brokers",
        {"kafka": {"mode": "strimzi", "external": {"bootstrapServers": ""}, "strimzi": {"replicas": 2}}},
        ("kafka.strimzi.replicas", "use 1 (trials) or 3"),
    ),
    (
        "a Kafka cluster with too long a name",
        {"kafka": {"mode": "strimzi", "external": {"bootstrapServers": ""}, "strimzi": {"clusterName": "k" * 47}}},
        ("kafka.strimzi.clusterName", "at most 46"),
    ),
    (
        "an unnamed Kafka cluster",
        {"kafka": {"mode": "strimzi", "external": {"bootstrapServers": ""}, "strimzi": {"createCluster": False}}},
        ("kafka.strimzi.clusterName", "name the Kafka"),
    ),
    (
        "PostgreSQL without a host",
        {"postgresql": {"mode": "external", "external": {"existingSecret": "x"}}},
        ("postgresql.external.host", "postgresql.mode=internal"),
    ),
    (
        "PostgreSQL without a secret",
        {"postgresql": {"mode": "external", "external": {"host": "x"}}},
        ("postgresql.external.existingSecret", "name a secret"),
    ),
    (
        "PostgreSQL's port in the host",
        {"postgresql": {"mode": "external", "external": {"host": "x:5432", "existingSecret": "s"}}},
        ("postgresql.external.host", "postgresql.external.port"),
    ),
    (
        "verification without a CA",
        {
            "postgresql": {
                "mode": "external",
                "external": {"host": "x", "existingSecret": "s", "sslMode": "verify-full"},
            }
        },
        ("postgresql.external.caSecret", "name a secret"),
    ),
    (
        "two PostgreSQLs",
        {"postgresql": {"external": {"host": "x"}}},
        ("postgresql.external.host", "postgresql.mode=external"),
    ),
    (
        "a size in words",
        {"postgresql": {"internal": {"storage": {"size": "10 GB"}}}},
        ("postgresql.internal.storage.size", "20Gi"),
    ),
    ("Redis without an address", {"redis": {"mode": "external"}}, ("redis.external.address", "redis.mode=internal")),
    (
        "Redis as a URL",
        {"redis": {"mode": "external", "external": {"address": "redis://x:6379"}}},
        ("redis.external.address", "host:port"),
    ),
    (
        "an ACL user without a secret",
        {"redis": {"external": {"usernameKey": "user"}}},
        ("redis.external.usernameKey", "name the secret"),
    ),
    ("idle consumers", {"consumer": {"replicas": 10, "workers": 2}}, ("consumer.replicas", "raise kafka.partitions")),
    (
        "duplicates known longer than kept",
        {"consumer": {"clickRetentionDays": 7}},
        ("consumer.dedupHorizonDays", "lower the one"),
    ),
    (
        "minimum above maximum",
        {"ingest": {"autoscaling": {"enabled": True, "minReplicas": 11}}},
        ("ingest.autoscaling.minReplicas", "at least"),
    ),
    (
        "CPU scaling without a request",
        {"analytics": {"autoscaling": {"enabled": True}, "resources": {"requests": None}}},
        ("analytics.resources.requests.cpu", "set it"),
    ),
    (
        "no disruption allowed",
        {"ingest": {"podDisruptionBudget": {"maxUnavailable": 0}}},
        ("ingest.podDisruptionBudget.maxUnavailable", "from 1 on"),
    ),
    ("a certificate for no host", {"ingress": {"enabled": True, "tlsSecret": "x"}}, ("ingress.host", "set it")),
    ("a route to nowhere", {"httpRoute": {"enabled": True}}, ("httpRoute.parentRefs", "name the Gateway")),
    (
        "a node port without its type",
        {"router": {"service": {"nodePort": 30080}}},
        ("router.service.nodePort", "NodePort"),
    ),
    (
        "a node port out of range",
        {"ingest": {"service": {"type": "NodePort", "nodePort": 8080}}},
        ("ingest.service.nodePort", "30000 to 32767"),
    ),
    (
        "fewer consumers at most than at least",
        {"autoscaling": {"provider": "external", "minReplicas": 5, "maxReplicas": 2}},
        ("autoscaling.minReplicas", "at least minReplicas"),
    ),
    ("an unknown scaler", {"autoscaling": {"provider": "cpu"}}, ("/autoscaling/provider", "'external', 'custom'")),
    (
        "a guess of nothing",
        {"autoscaling": {"ratePerConsumer": 0}},
        ("/autoscaling/ratePerConsumer", "exclusiveMinimum"),
    ),
    (
        "an operator without work",
        {"operator": {"enabled": True}},
        ("operator.enabled", "autoscaling.provider=external"),
    ),
    (
        "an object's metric without the object",
        {"autoscaling": {"provider": "custom"}},
        ("autoscaling.provider", "operator.enabled=true"),
    ),
    (
        "a whole cluster for one release",
        {"autoscaling": {"provider": "external"}, "operator": {"clusterWide": True}},
        ("operator.clusterWide", "operator.enabled=true"),
    ),
    ("a digest that is none", {"ingest": {"image": {"digest": "latest"}}}, ("ingest.image.digest", "sha256:")),
]


@pytest.mark.parametrize(("values", "said"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_wrong_values_are_refused_with_the_value_and_the_remedy(
    helm: Path, tmp_path: Path, values: Values, said: tuple[str, ...]
) -> None:
    """Each mistake alone, on values that are right otherwise."""
    good, wrong = tmp_path / "good.yaml", tmp_path / "wrong.yaml"
    good.write_text(yaml.safe_dump(GOOD))
    wrong.write_text(yaml.safe_dump(values))
    done = template(helm, "--values", str(good), "--values", str(wrong))
    assert done.returncode != 0
    missing = [word for word in said if word not in done.stderr]
    assert not missing, done.stderr


@pytest.mark.parametrize(
    ("kind", "setting"),
    [
        ("kafka.strimzi.io/v1/Kafka", "kafka.mode=strimzi,kafka.external.bootstrapServers="),
        ("postgresql.cnpg.io/v1/Cluster", "postgresql.mode=cnpg"),
        ("gateway.networking.k8s.io/v1/HTTPRoute", "httpRoute.enabled=true,httpRoute.parentRefs[0].name=g"),
        ("monitoring.coreos.com/v1/PodMonitor", "monitoring.podMonitor.enabled=true"),
        ("monitoring.coreos.com/v1/PrometheusRule", "monitoring.rules.enabled=true"),
        ("keda.sh/v1alpha1/ScaledObject", "autoscaling.provider=keda"),
    ],
)
def test_a_missing_operator_is_named_before_anything_is_applied(helm: Path, kind: str, setting: str) -> None:
    """The message says which value needs what, and how to get it or do without."""
    settings = ("--set", "kafka.external.bootstrapServers=kafka:9092", "--set", setting)
    done = template(helm, *settings, kinds=tuple(other for other in KINDS if other != kind))
    assert done.returncode != 0
    assert kind in done.stderr
    assert "install" in done.stderr
    assert template(helm, *settings).returncode == 0


def test_all_mistakes_are_told_at_once(helm: Path) -> None:
    """Nobody mends one mistake to meet the next."""
    done = template(helm, "--set", "redis.mode=external,postgresql.mode=external")
    for value in (
        "kafka.external.bootstrapServers",
        "redis.external.address",
        "postgresql.external.host",
        "postgresql.external.existingSecret",
    ):
        assert value in done.stderr
