"""The objects that are owned."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.lagscaler.test_spec import GOOD

from lagscaler.resources import HPA, SCALED_OBJECT, Identity, owned_kind, owned_object, scales, topic_patch
from lagscaler.spec import parse

ME = Identity("shop", "consumer", "uid-1")


def owned(**changes: Any) -> dict[str, Any]:
    return owned_object(ME, parse(GOOD | changes), "http://lagscaler.ops.svc:8080")


def test_the_hpa_takes_the_number_as_it_is() -> None:
    """An average value of 1: ceil(number ÷ 1), whatever runs now."""
    hpa = owned(minReplicas=2)
    assert hpa["spec"]["scaleTargetRef"] == GOOD["scaleTargetRef"]
    assert (hpa["spec"]["minReplicas"], hpa["spec"]["maxReplicas"]) == (2, 12)
    assert hpa["spec"]["metrics"] == [
        {
            "type": "External",
            "external": {
                "metric": {
                    "name": "lagscaler_desired_replicas",
                    "selector": {"matchLabels": {"lagautoscaler": "consumer"}},
                },
                "target": {"type": "AverageValue", "averageValue": "1"},
            },
        }
    ]


def test_on_a_cluster_with_another_external_metrics_server_the_number_is_the_objects() -> None:
    """custom.metrics.k8s.io on the LagAutoscaler."""
    (metric,) = owned(metricsSource="Object")["spec"]["metrics"]
    assert metric["type"] == "Object"
    assert metric["object"]["describedObject"] == {
        "apiVersion": "adclicks.dev/v1alpha1",
        "kind": "LagAutoscaler",
        "name": "consumer",
    }


def test_with_keda_a_scaled_object_asks_the_plain_port() -> None:
    """KEDA makes the HPA then; ours would be a second one on the same target."""
    spec = parse(GOOD | {"metricsSource": "KEDA"})
    assert owned_kind(spec) is SCALED_OBJECT
    scaled = owned(metricsSource="KEDA")["spec"]
    (trigger,) = scaled["triggers"]
    assert trigger["metadata"]["url"] == "http://lagscaler.ops.svc:8080/autoscalers/shop/consumer"
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (1, 12)


@pytest.mark.parametrize("source", ["External", "Object", "KEDA"])
def test_what_is_owned_goes_with_its_owner(source: str) -> None:
    """By ownerReference, so that the garbage collector needs no operator; and without a finalizer's right."""
    metadata = owned(metricsSource=source)["metadata"]
    (owner,) = metadata["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == ("uid-1", True)
    assert "blockOwnerDeletion" not in owner
    assert (metadata["name"], metadata["namespace"]) == ("consumer", "shop")


def test_behavior_is_complete_so_that_no_edit_of_it_can_stay() -> None:
    """A field that is not applied belongs to whoever writes it."""
    plain, asked = owned()["spec"]["behavior"], owned(behavior={"scaleDown": {"stabilizationWindowSeconds": 60}})
    assert plain["scaleDown"]["stabilizationWindowSeconds"] == 300
    assert asked["spec"]["behavior"]["scaleDown"] == plain["scaleDown"] | {"stabilizationWindowSeconds": 60}
    assert asked["spec"]["behavior"]["scaleUp"] == plain["scaleUp"]


def test_the_number_is_taken_in_one_step() -> None:
    """It is what the work needs; Kubernetes' own steps of four or double would only come there later."""
    (up,) = owned(maxReplicas=40)["spec"]["behavior"]["scaleUp"]["policies"]
    assert up == {"type": "Pods", "value": 40, "periodSeconds": 15}


def test_only_an_hpa_on_the_same_target_is_a_rival() -> None:
    """Kind and name count."""
    spec = parse(GOOD)
    assert owned_kind(spec) is HPA
    assert scales({"spec": {"scaleTargetRef": {"kind": "Deployment", "name": "consumer"}}}, spec)
    assert not scales({"spec": {"scaleTargetRef": {"kind": "StatefulSet", "name": "consumer"}}}, spec)


def test_partitions_grow_and_never_shrink() -> None:
    """Kafka can't take partitions away."""
    assert topic_patch(6, 12) == {"spec": {"partitions": 12}}
    assert topic_patch(None, 12) == {"spec": {"partitions": 12}}
    assert topic_patch(12, 12) is None
    assert topic_patch(24, 12) is None
