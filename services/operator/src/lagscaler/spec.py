"""What a LagAutoscaler asks for: read from its JSON, with every problem named by its field.

The API server refuses most of this already (the CRD's schema and rules); here it is checked again, because an object may
be older than its CRD, and a file (mode values) has no API server in front of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from lagscaler.fields import Fields, Problems
from lagscaler.policy.settings import PolicySettings, Problem

GROUP = "adclicks.dev"
VERSION = "v1alpha1"
PLURAL = "lagautoscalers"
KIND = "LagAutoscaler"

MetricsSource = Literal["External", "Object", "KEDA"]
HOST_PORTS = r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}(, ?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5})*"


class InvalidSpecError(ValueError):
    """All problems at once, so that one edit can mend them."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{problem.field}: {problem.remedy}" for problem in problems))


@dataclass(frozen=True, slots=True)
class Target:
    """What is scaled; `plural` is the kind's name in the API."""

    kind: str
    name: str

    @property
    def plural(self) -> str:
        return f"{self.kind.lower()}s"


@dataclass(frozen=True, slots=True)
class SecretKey:
    """One key of a Secret, and the fields that name the key and the Secret."""

    secret: str
    key: str
    field: str
    secret_field: str


@dataclass(frozen=True, slots=True)
class Sasl:
    """How to log in; exactly one of `username` and `username_key`."""

    mechanism: str
    password: SecretKey
    username: str | None
    username_key: SecretKey | None


@dataclass(frozen=True, slots=True)
class Tls:
    """Where the CA and a client certificate are; None: the system's CAs, no client certificate."""

    ca: SecretKey | None
    certificate: SecretKey | None
    key: SecretKey | None


@dataclass(frozen=True, slots=True)
class Kafka:
    """The topic, the group that reads it, and how to ask the brokers."""

    bootstrap_servers: str
    topic: str
    group: str
    security_protocol: str
    sasl: Sasl | None
    tls: Tls | None

    @property
    def secret_keys(self) -> tuple[SecretKey, ...]:
        """All that is needed from Secrets."""
        sasl = (self.sasl.password, self.sasl.username_key) if self.sasl else ()
        tls = (self.tls.ca, self.tls.certificate, self.tls.key) if self.tls else ()
        return tuple(key for key in (*sasl, *tls) if key is not None)


@dataclass(frozen=True, slots=True)
class TopicGrowth:
    """The KafkaTopic and the partitions it should have at least."""

    name: str
    partitions: int


@dataclass(frozen=True, slots=True)
class Spec:
    """A LagAutoscaler's spec; `behavior` is autoscaling/v2's, passed on as it is."""

    target: Target
    kafka: Kafka
    policy: PolicySettings
    metrics_source: MetricsSource
    behavior: Mapping[str, Any] | None
    topic_growth: TopicGrowth | None


def parse(raw: object) -> Spec:
    """The spec in `raw`. Raises `InvalidSpecError` with all that is wrong."""
    problems = Problems()
    spec = Fields(raw, "spec", problems)
    found = Spec(
        target=_target(spec.child("scaleTargetRef")),
        kafka=_kafka(spec.child("kafka")),
        policy=_policy(spec),
        metrics_source=cast("MetricsSource", spec.choice("metricsSource", ("External", "Object", "KEDA"), "External")),
        behavior=_behavior(spec.optional_child("behavior")),
        topic_growth=_topic_growth(spec.optional_child("kafkaTopicRef")),
    )
    spec.nothing_else()
    if problems.found:
        raise InvalidSpecError(tuple(problems.found))
    return found


def _target(ref: Fields) -> Target:
    ref.choice("apiVersion", ("apps/v1",))
    target = Target(ref.choice("kind", ("Deployment", "StatefulSet")), ref.name("name"))
    ref.nothing_else()
    return target


def _kafka(kafka: Fields) -> Kafka:
    protocol = kafka.choice("securityProtocol", ("plaintext", "ssl", "sasl_plaintext", "sasl_ssl"), "plaintext")
    sasl, tls = kafka.optional_child("sasl"), kafka.optional_child("tls")
    if protocol.startswith("sasl") and sasl is None:
        kafka.problem("sasl", "must be set for the securityProtocol sasl_plaintext or sasl_ssl")
    if not protocol.startswith("sasl") and sasl is not None:
        kafka.problem("sasl", "only the securityProtocol sasl_plaintext or sasl_ssl logs in")
    if not protocol.endswith("ssl") and tls is not None:
        kafka.problem("tls", "only the securityProtocol ssl or sasl_ssl speaks TLS")
    found = Kafka(
        bootstrap_servers=kafka.pattern("bootstrapServers", HOST_PORTS, "must be host:port[,host:port…]"),
        topic=kafka.pattern("topic", r"[A-Za-z0-9._-]{1,249}", "must be a Kafka topic's name"),
        group=kafka.text("group", longest=255),
        security_protocol=protocol,
        sasl=_sasl(sasl) if sasl else None,
        tls=_tls(tls) if tls else None,
    )
    kafka.choice("unreadFrom", ("earliest", "latest"), "earliest")
    kafka.nothing_else()
    return found


def _sasl(sasl: Fields) -> Sasl:
    secret = sasl.name("secret")
    username, username_key = sasl.optional_text("username"), sasl.optional_text("usernameKey")
    if (username is None) == (username_key is None):
        sasl.problem("username", "set username or usernameKey, not both")
    found = Sasl(
        mechanism=sasl.choice("mechanism", ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"), "SCRAM-SHA-512"),
        password=_key(sasl, "secret", secret, "passwordKey", sasl.text("passwordKey", default="password")),
        username=username,
        username_key=_key(sasl, "secret", secret, "usernameKey", username_key) if username_key else None,
    )
    sasl.nothing_else()
    return found


def _tls(tls: Fields) -> Tls:
    def key(secret_field: str, field: str, default: str) -> SecretKey | None:
        secret, name = tls.optional_name(secret_field), tls.text(field, default=default)
        return _key(tls, secret_field, secret, field, name) if secret else None

    found = Tls(
        ca=key("caSecret", "caKey", "ca.crt"),
        certificate=key("clientSecret", "certificateKey", "tls.crt"),
        key=key("clientSecret", "keyKey", "tls.key"),
    )
    tls.nothing_else()
    return found


def _key(fields: Fields, secret_field: str, secret: str, field: str, key: str) -> SecretKey:
    return SecretKey(secret, key, fields.path(field), fields.path(secret_field))


def _policy(spec: Fields) -> PolicySettings:
    low = spec.whole("minReplicas", 1, 10_000, 1)
    high = spec.whole("maxReplicas", 1, 10_000)
    if high < low:
        spec.problem("maxReplicas", "must not be below spec.minReplicas")
    kafka = spec.anything("kafka")
    unread_from = kafka.get("unreadFrom") if isinstance(kafka, Mapping) else None
    return PolicySettings(
        min_replicas=low,
        max_replicas=max(low, high),
        rate_per_consumer=spec.positive("ratePerConsumer"),
        drain_seconds=spec.whole("drainSeconds", 1, 86_400, 120),
        utilization=spec.whole("utilizationPercent", 1, 100, 80) / 100,
        startup_seconds=spec.whole("startupSeconds", 0, 3600, 30),
        members_per_replica=spec.whole("membersPerReplica", 1, 1000, 1),
        tolerance=spec.whole("tolerancePercent", 0, 100, 10) / 100,
        hold_seconds=spec.whole("holdSeconds", 0, 3600, 60),
        unread_from="latest" if unread_from == "latest" else "earliest",
    )


def _topic_growth(ref: Fields | None) -> TopicGrowth | None:
    if ref is None:
        return None
    growth = TopicGrowth(ref.name("name"), ref.whole("partitions", 1, 10_000))
    ref.nothing_else()
    return growth


def _behavior(behavior: Fields | None) -> Mapping[str, Any] | None:
    """Checked here, because a refusal by the API server would name a field of the HPA."""
    if behavior is None:
        return None
    for direction in ("scaleUp", "scaleDown"):
        rules = behavior.optional_child(direction)
        if rules is not None:
            _check_rules(rules)
    behavior.nothing_else()
    return behavior.raw


def _check_rules(rules: Fields) -> None:
    rules.whole("stabilizationWindowSeconds", 0, 3600, 0)
    rules.choice("selectPolicy", ("Max", "Min", "Disabled"), "Max")
    rules.anything("tolerance")
    for policy in rules.children("policies"):
        policy.choice("type", ("Pods", "Percent"))
        policy.whole("value", 1, 2**31 - 1)
        policy.whole("periodSeconds", 1, 1800)
        policy.nothing_else()
    rules.nothing_else()
