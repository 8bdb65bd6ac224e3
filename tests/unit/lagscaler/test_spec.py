"""What a LagAutoscaler may say, and that each thing that is wrong is named by its field."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from lagscaler.spec import InvalidSpecError, SecretKey, parse

GOOD: dict[str, Any] = {
    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "consumer"},
    "kafka": {"bootstrapServers": "kafka-0:9092,kafka-1:9092", "topic": "clicks", "group": "adclicks-consumer"},
    "maxReplicas": 12,
    "ratePerConsumer": 5000,
}

_SASL = {"secret": "user", "username": "me"}

BAD = [
    ("scaleTargetRef", None, "spec.scaleTargetRef"),
    ("scaleTargetRef.kind", "ReplicaSet", "spec.scaleTargetRef.kind"),
    ("scaleTargetRef.apiVersion", "apps/v1beta1", "spec.scaleTargetRef.apiVersion"),
    ("scaleTargetRef.name", "", "spec.scaleTargetRef.name"),
    ("scaleTargetRef.name", "../../other/deployments/it", "spec.scaleTargetRef.name"),
    ("kafkaTopicRef", {"name": "..", "partitions": 3}, "spec.kafkaTopicRef.name"),
    ("scaleTargetRef.namespace", "other", "spec.scaleTargetRef.namespace"),
    ("kafka", "kafka:9092", "spec.kafka"),
    ("kafka.bootstrapServers", "kafka", "spec.kafka.bootstrapServers"),
    ("kafka.bootstrapServers", None, "spec.kafka.bootstrapServers"),
    ("kafka.topic", "a topic", "spec.kafka.topic"),
    ("kafka.group", 7, "spec.kafka.group"),
    ("kafka.unreadFrom", "beginning", "spec.kafka.unreadFrom"),
    ("kafka.securityProtocol", "SASL_SSL", "spec.kafka.securityProtocol"),
    ("kafka.securityProtocol", "sasl_ssl", "spec.kafka.sasl"),
    ("kafka.sasl", _SASL, "spec.kafka.sasl"),
    ("kafka.tls", {"caSecret": "ca"}, "spec.kafka.tls"),
    ("minReplicas", 0, "spec.minReplicas"),
    ("minReplicas", 13, "spec.maxReplicas"),
    ("maxReplicas", None, "spec.maxReplicas"),
    ("maxReplicas", "12", "spec.maxReplicas"),
    ("ratePerConsumer", 0, "spec.ratePerConsumer"),
    ("ratePerConsumer", None, "spec.ratePerConsumer"),
    ("drainSeconds", 0, "spec.drainSeconds"),
    ("utilizationPercent", 101, "spec.utilizationPercent"),
    ("membersPerReplica", 0, "spec.membersPerReplica"),
    ("tolerancePercent", -1, "spec.tolerancePercent"),
    ("holdSeconds", True, "spec.holdSeconds"),
    ("metricsSource", "Prometheus", "spec.metricsSource"),
    ("kafkaTopicRef", {"name": "clicks"}, "spec.kafkaTopicRef.partitions"),
    (
        "behavior",
        {"scaleUp": {"policies": [{"type": "Pod", "value": 1, "periodSeconds": 15}]}},
        "spec.behavior.scaleUp.policies[0].type",
    ),
    (
        "behavior",
        {"scaleDown": {"stabilizationWindowSeconds": 3601}},
        "spec.behavior.scaleDown.stabilizationWindowSeconds",
    ),
    ("behaviour", {}, "spec.behaviour"),
    ("drainSecond", 60, "spec.drainSecond"),
]


def spec_with(path: str, value: object) -> dict[str, Any]:
    changed = deepcopy(GOOD)
    *parents, last = path.split(".")
    place = changed
    for parent in parents:
        place = place[parent]
    if value is None:
        place.pop(last)
    else:
        place[last] = value
    return changed


@pytest.mark.parametrize(("path", "value", "field"), BAD, ids=[f"{path}={value!r}" for path, value, _ in BAD])
def test_what_is_wrong_is_named_by_its_field(path: str, value: object, field: str) -> None:
    """One bad field is one problem, or the first of those that follow from it."""
    with pytest.raises(InvalidSpecError) as refused:
        parse(spec_with(path, value))
    assert refused.value.problems[0].field == field
    assert str(refused.value).startswith(f"{field}: ")


def test_all_problems_are_told_at_once() -> None:
    """So that one edit can mend them."""
    broken = spec_with("kafka.topic", "a topic") | {"maxReplicas": 0, "metricsSource": "None"}
    with pytest.raises(InvalidSpecError) as refused:
        parse(broken)
    assert {problem.field for problem in refused.value.problems} == {
        "spec.kafka.topic",
        "spec.maxReplicas",
        "spec.metricsSource",
    }


@pytest.mark.parametrize("raw", [None, [], "x", 1])
def test_what_is_no_object_is_refused(raw: object) -> None:
    """Whatever a file may hold."""
    with pytest.raises(InvalidSpecError, match=r"^spec: must be"):
        parse(raw)


def test_a_short_one_gets_the_documented_defaults() -> None:
    """Those of the CRD: a file and an object of the same text are the same."""
    spec = parse(GOOD)
    policy = spec.policy
    assert (policy.min_replicas, policy.max_replicas, policy.drain_seconds) == (1, 12, 120)
    assert (policy.utilization, policy.startup_seconds, policy.tolerance, policy.hold_seconds) == (0.8, 30, 0.1, 60)
    assert (policy.unread_from, spec.metrics_source, spec.kafka.security_protocol) == (
        "earliest",
        "External",
        "plaintext",
    )
    assert (spec.behavior, spec.topic_growth, spec.kafka.secret_keys) == (None, None, ())


def test_secrets_are_known_with_the_fields_that_name_them() -> None:
    """What a condition can point at when one of them is missing."""
    spec = parse(
        spec_with("kafka.securityProtocol", "sasl_ssl")
        | {
            "kafka": {
                **GOOD["kafka"],
                "securityProtocol": "sasl_ssl",
                "sasl": {"secret": "user", "usernameKey": "name"},
                "tls": {"caSecret": "cluster-ca", "clientSecret": "mine", "keyKey": "user.key"},
            }
        }
    )
    assert set(spec.kafka.secret_keys) == {
        SecretKey("user", "password", "spec.kafka.sasl.passwordKey", "spec.kafka.sasl.secret"),
        SecretKey("user", "name", "spec.kafka.sasl.usernameKey", "spec.kafka.sasl.secret"),
        SecretKey("cluster-ca", "ca.crt", "spec.kafka.tls.caKey", "spec.kafka.tls.caSecret"),
        SecretKey("mine", "tls.crt", "spec.kafka.tls.certificateKey", "spec.kafka.tls.clientSecret"),
        SecretKey("mine", "user.key", "spec.kafka.tls.keyKey", "spec.kafka.tls.clientSecret"),
    }


@pytest.mark.parametrize("name", ["../../kube-system/secrets/admin", "..", "a/b", "a?b", "A", "", "a" * 254, 7])
def test_a_secret_of_another_namespace_can_not_be_named(name: object) -> None:
    """It would be read with the operator's rights and sent, as a password, to a broker of whoever named it."""
    secured = {"securityProtocol": "sasl_ssl", "sasl": {"secret": name, "username": "me"}, "tls": {"caSecret": name}}
    with pytest.raises(InvalidSpecError) as refused:
        parse(GOOD | {"kafka": GOOD["kafka"] | secured})
    assert [problem.field for problem in refused.value.problems] == [
        "spec.kafka.sasl.secret",
        "spec.kafka.tls.caSecret",
    ]


def test_a_user_is_named_once() -> None:
    """Neither or both of username and usernameKey is a mistake."""
    for sasl in ({"secret": "user"}, {"secret": "user", "username": "me", "usernameKey": "name"}):
        kafka = {**GOOD["kafka"], "securityProtocol": "sasl_plaintext", "sasl": sasl}
        with pytest.raises(InvalidSpecError, match=r"spec\.kafka\.sasl\.username"):
            parse(GOOD | {"kafka": kafka})
