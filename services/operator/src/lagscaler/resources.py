"""The objects that a LagAutoscaler owns, as they should be (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lagscaler.spec import GROUP, KIND, VERSION, Spec

METRIC = "lagscaler_desired_replicas"
SELECTOR_LABEL = "lagautoscaler"
MANAGER = "lagscaler"
LABELS = {"app.kubernetes.io/managed-by": MANAGER}
# KEDA asks this often; its HPA asks KEDA, which asks us again at every look.
KEDA_POLLING_SECONDS = 5

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Identity:
    """Which LagAutoscaler it is."""

    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object that can be owned: its path in the API is /apis/{api_version}/namespaces/…/{plural}/…"""

    group: str
    version: str
    plural: str
    name: str

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}"


HPA = Kind("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
SCALED_OBJECT = Kind("keda.sh", "v1alpha1", "scaledobjects", "ScaledObject")


def owned_kind(spec: Spec) -> Kind:
    """The kind of the one object that `spec` needs."""
    return SCALED_OBJECT if spec.metrics_source == "KEDA" else HPA


def owned_object(identity: Identity, spec: Spec, keda_url: str) -> Json:
    """The object to apply; `keda_url` is our plain HTTP's base URL as KEDA reaches it."""
    if spec.metrics_source == "KEDA":
        return _object(SCALED_OBJECT, identity, _scaled_object(identity, spec, keda_url))
    return _object(HPA, identity, _hpa(identity, spec))


def owner_reference(identity: Identity) -> Json:
    """Without blockOwnerDeletion, which would need a right on finalizers and delay nobody's deletion but our own."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": KIND,
        "name": identity.name,
        "uid": identity.uid,
        "controller": True,
    }


def controller_uid(found: Mapping[str, Any]) -> str | None:
    """The uid of the owner that controls `found`."""
    owners = found.get("metadata", {}).get("ownerReferences", [])
    return next((owner["uid"] for owner in owners if owner.get("controller")), None)


def scales(hpa: Mapping[str, Any], spec: Spec) -> bool:
    """Whether an HPA acts on the same target."""
    ref = hpa.get("spec", {}).get("scaleTargetRef", {})
    return (ref.get("kind"), ref.get("name")) == (spec.target.kind, spec.target.name)


def topic_patch(current_partitions: int | None, wanted: int) -> Json | None:
    """The merge patch that grows a KafkaTopic; None where it has as many already. Partitions can't be taken away: Kafka
    refuses it, and keys would move.
    """
    if current_partitions is not None and current_partitions >= wanted:
        return None
    return {"spec": {"partitions": wanted}}


def _object(kind: Kind, identity: Identity, spec: Json) -> Json:
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": {
            "name": identity.name,
            "namespace": identity.namespace,
            "labels": {**LABELS, "app.kubernetes.io/instance": identity.name},
            "ownerReferences": [owner_reference(identity)],
        },
        "spec": spec,
    }


def _target_ref(spec: Spec) -> Json:
    return {"apiVersion": "apps/v1", "kind": spec.target.kind, "name": spec.target.name}


def _hpa(identity: Identity, spec: Spec) -> Json:
    return {
        "scaleTargetRef": _target_ref(spec),
        "minReplicas": spec.policy.min_replicas,
        "maxReplicas": spec.policy.max_replicas,
        "metrics": [_external(identity) if spec.metrics_source == "External" else _of_the_object(identity)],
        "behavior": behavior(spec),
    }


def behavior(spec: Spec) -> Json:
    """The behavior that was asked for, complete: a field that we don't apply is one that anybody's edit could keep.

    Without a word about it, up in one step: Kubernetes' four pods or double a look are for metrics that only say "more", and
    take nearly half of a spike's drain time (docs/autoscaling.md). Down as Kubernetes has it.
    """
    asked = spec.behavior or {}
    rules = {
        "scaleUp": {
            "stabilizationWindowSeconds": 0,
            "selectPolicy": "Max",
            "policies": [{"type": "Pods", "value": spec.policy.max_replicas, "periodSeconds": 15}],
        },
        "scaleDown": {
            "stabilizationWindowSeconds": 300,
            "selectPolicy": "Max",
            "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
        },
    }
    return {direction: {**rule, **(asked.get(direction) or {})} for direction, rule in rules.items()}


# An average value of 1 makes the HPA compute ceil(metric ÷ 1): the number itself, whatever the present replicas are.
_AVERAGE_OF_ONE = {"type": "AverageValue", "averageValue": "1"}


def _external(identity: Identity) -> Json:
    metric = {"name": METRIC, "selector": {"matchLabels": {SELECTOR_LABEL: identity.name}}}
    return {"type": "External", "external": {"metric": metric, "target": _AVERAGE_OF_ONE}}


def _of_the_object(identity: Identity) -> Json:
    described = {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, "name": identity.name}
    return {
        "type": "Object",
        "object": {"describedObject": described, "metric": {"name": METRIC}, "target": _AVERAGE_OF_ONE},
    }


def _scaled_object(identity: Identity, spec: Spec, keda_url: str) -> Json:
    trigger = {
        "type": "metrics-api",
        "name": "lagscaler",
        "metricType": "AverageValue",
        "metadata": {
            "url": f"{keda_url}/autoscalers/{identity.namespace}/{identity.name}",
            "valueLocation": "desired",
            "targetValue": "1",
        },
    }
    return {
        "scaleTargetRef": _target_ref(spec),
        "minReplicaCount": spec.policy.min_replicas,
        "maxReplicaCount": spec.policy.max_replicas,
        "pollingInterval": KEDA_POLLING_SECONDS,
        "triggers": [trigger],
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior(spec)}},
    }
