"""LagAutoscalers that are wrong in one thing each, as a release's namespace has them."""

from typing import Any

CONSUMER = "ads-click-tracking-consumer"
OPERATOR = "ads-click-tracking-operator"

GOOD: dict[str, Any] = {
    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": OPERATOR},
    "kafka": {"bootstrapServers": "kafka:9092", "topic": "clicks", "group": "adclicks-consumer"},
    "maxReplicas": 4,
    "ratePerConsumer": 1000,
}
# What replaces which field, and the field that the refusal or the condition names.
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no topic": ({"kafka": {"bootstrapServers": "kafka:9092", "group": "g"}}, "topic"),
    "no group": ({"kafka": {"bootstrapServers": "kafka:9092", "topic": "clicks"}}, "group"),
    "no brokers": ({"kafka": {"topic": "clicks", "group": "g"}}, "bootstrapServers"),
    "brokers without a port": ({"kafka": {**GOOD["kafka"], "bootstrapServers": "kafka"}}, "bootstrapServers"),
    "a topic with a space": ({"kafka": {**GOOD["kafka"], "topic": "a b"}}, "topic"),
    "an empty group": ({"kafka": {**GOOD["kafka"], "group": ""}}, "group"),
    "SASL without a login": ({"kafka": {**GOOD["kafka"], "securityProtocol": "sasl_ssl"}}, "sasl"),
    "a login without SASL": ({"kafka": {**GOOD["kafka"], "sasl": {"secret": "x", "username": "u"}}}, "sasl"),
    "TLS files without TLS": ({"kafka": {**GOOD["kafka"], "tls": {"caSecret": "x"}}}, "tls"),
    "an unknown protocol": ({"kafka": {**GOOD["kafka"], "securityProtocol": "http"}}, "securityProtocol"),
    "no target": ({"scaleTargetRef": None}, "scaleTargetRef"),
    "a target that can't scale": (
        {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "x"}},
        "kind",
    ),
    "fewer at most than at least": ({"minReplicas": 5, "maxReplicas": 2}, "maxReplicas"),
    "none at least": ({"minReplicas": 0}, "minReplicas"),
    "none at most": ({"maxReplicas": 0}, "maxReplicas"),
    "a rate of nothing": ({"ratePerConsumer": 0}, "ratePerConsumer"),
    "more than all of a consumer": ({"utilizationPercent": 150}, "utilizationPercent"),
    "no time to drain": ({"drainSeconds": 0}, "drainSeconds"),
    "an unknown source": ({"metricsSource": "CPU"}, "metricsSource"),
    "a target that is not there": (
        {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "absent"}},
        "scaleTargetRef",
    ),
    "a secret that is not there": (
        {
            "kafka": {
                **GOOD["kafka"],
                "securityProtocol": "sasl_plaintext",
                "sasl": {"secret": "absent", "username": "u"},
            }
        },
        "kafka.sasl.secret",
    ),
    "a secret of another namespace": (
        {
            "kafka": {
                **GOOD["kafka"],
                "securityProtocol": "sasl_plaintext",
                "sasl": {"secret": "../../kube-system/secrets/x", "username": "u"},
            }
        },
        "secret",
    ),
    "a target with an HPA": (
        {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": CONSUMER}},
        "scaleTargetRef",
    ),
}
