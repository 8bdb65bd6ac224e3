"""What one pass makes of what it finds, on an API server that is a dictionary."""

from __future__ import annotations

from typing import Any, cast

import pytest
from tests.unit.lagscaler.test_spec import GOOD

from lagscaler.cluster import ApiError, ApiUnavailableError, Cluster
from lagscaler.reconcile import Owned
from lagscaler.resources import Identity
from lagscaler.spec import parse

ME = Identity("shop", "consumer", "uid-1")
HPAS = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers"
SCALED = "/apis/keda.sh/v1alpha1/namespaces/shop/scaledobjects/consumer"
TOPIC = "/apis/kafka.strimzi.io/v1/namespaces/shop/kafkatopics/clicks"
MINE = [{"uid": "uid-1", "controller": True}]


class Objects:
    """By path; `refused` paths answer with that status."""

    def __init__(self, **found: dict[str, Any]) -> None:
        self.found: dict[str, dict[str, Any]] = dict(found)
        self.refused: dict[str, int] = {}
        self.written: list[str] = []

    def put(self, path: str, spec: dict[str, Any] | None = None, owners: list[dict[str, Any]] | None = None) -> None:
        name = path.rsplit("/", 1)[1]
        metadata = {"name": name, "uid": f"uid of {name}", "ownerReferences": owners or []}
        self.found[path] = {"metadata": metadata, "spec": spec or {}}

    async def find(self, path: str) -> dict[str, Any] | None:
        if path in self.refused:
            raise ApiError(self.refused[path], "refused")
        return self.found.get(path)

    async def get(self, path: str) -> dict[str, Any]:
        found = await self.find(path)
        if found is None:
            raise ApiError(404, f"{path} not found")
        return found

    async def items(self, path: str) -> list[dict[str, Any]]:
        return [found for where, found in self.found.items() if where.startswith(f"{path}/")]

    async def apply(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if f"apply {path}" in self.refused:
            status = self.refused[f"apply {path}"]
            raise ApiUnavailableError("away") if status == 503 else ApiError(status, "refused")
        self.written.append(path)
        self.put(path, body["spec"], body["metadata"]["ownerReferences"])
        return body

    async def merge(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.written.append(path)
        self.found[path]["spec"].update(body["spec"])
        return self.found[path]

    async def delete(self, path: str, uid: str) -> None:
        assert self.found.pop(path)["metadata"]["uid"] == uid


async def reconcile(objects: Objects, **changes: Any) -> dict[str, tuple[bool | None, str, str]]:
    owned = Owned(cast("Cluster", objects), ME, parse(GOOD | changes), "http://lagscaler")
    return {item.type: (item.status, item.reason, item.message) for item in await owned.reconcile()}


async def test_what_is_missing_or_edited_is_as_it_should_be_after_one_pass() -> None:
    """Whatever happened to it."""
    objects = Objects()
    assert (await reconcile(objects))["HPAOwned"][:2] == (True, "HorizontalPodAutoscalerApplied")
    good = objects.found[f"{HPAS}/consumer"]["spec"]
    objects.found[f"{HPAS}/consumer"]["spec"] = {"maxReplicas": 1}
    await reconcile(objects)
    assert objects.found[f"{HPAS}/consumer"]["spec"] == good


async def test_another_hpa_on_the_target_is_told_and_not_fought() -> None:
    """Two HPAs on one target disable each other; the second is not made."""
    objects = Objects()
    objects.put(f"{HPAS}/theirs", {"scaleTargetRef": GOOD["scaleTargetRef"]})
    status, reason, message = (await reconcile(objects))["HPAOwned"]
    assert (status, reason) == (False, "AnotherHPA")
    assert message == "spec.scaleTargetRef: the HorizontalPodAutoscaler theirs acts on it as well"
    assert objects.written == []


async def test_another_owners_object_of_that_name_is_left_alone() -> None:
    """Taking it would take it away from somebody."""
    objects = Objects()
    objects.put(f"{HPAS}/consumer", owners=[{"uid": "another", "controller": True}])
    assert (await reconcile(objects))["HPAOwned"][:2] == (False, "NotOurs")
    assert objects.written == []


@pytest.mark.parametrize(("before", "after"), [("External", "KEDA"), ("KEDA", "Object")])
async def test_another_metrics_source_takes_the_other_object_away(before: str, after: str) -> None:
    """Never both on one target."""
    objects = Objects()
    await reconcile(objects, metricsSource=before)
    await reconcile(objects, metricsSource=after)
    assert set(objects.found) == ({SCALED} if after == "KEDA" else {f"{HPAS}/consumer"})


async def test_the_hpa_that_keda_makes_of_ours_is_no_rival() -> None:
    """It is how KEDA scales."""
    objects = Objects()
    await reconcile(objects, metricsSource="KEDA")
    owner = {"uid": objects.found[SCALED]["metadata"]["uid"], "controller": True}
    objects.put(f"{HPAS}/keda-hpa-consumer", {"scaleTargetRef": GOOD["scaleTargetRef"]}, [owner])
    assert (await reconcile(objects, metricsSource="KEDA"))["HPAOwned"][:2] == (True, "ScaledObjectApplied")


async def test_without_keda_its_source_is_a_condition_and_the_others_work() -> None:
    """Nobody has rights on what is not there: 403 or 404."""
    objects = Objects()
    objects.refused = {SCALED: 403, f"apply {SCALED}": 404}
    assert (await reconcile(objects))["HPAOwned"][0] is True
    objects.refused = {f"apply {SCALED}": 404}
    _, reason, message = (await reconcile(objects, metricsSource="KEDA"))["HPAOwned"]
    assert (reason, message.split(":")[0]) == ("KedaMissing", "spec.metricsSource")


async def test_a_refusal_is_a_condition_and_an_outage_is_tried_again() -> None:
    """403 will stay until somebody acts; 503 will not."""
    objects = Objects()
    objects.refused = {f"apply {HPAS}/consumer": 403}
    assert (await reconcile(objects))["HPAOwned"][:2] == (False, "ApplyFailed")
    objects.refused = {f"apply {HPAS}/consumer": 503}
    with pytest.raises(ApiUnavailableError):
        await reconcile(objects)


async def test_a_topic_grows_and_is_never_shrunk() -> None:
    """And a missing one is told by its field."""
    objects, growth = Objects(), {"name": "clicks", "partitions": 12}
    _, reason, message = (await reconcile(objects, kafkaTopicRef=growth))["TopicGrown"]
    assert (reason, message.split(":")[0]) == ("TopicNotFound", "spec.kafkaTopicRef.name")
    objects.put(TOPIC, {"partitions": 6, "replicas": 3})
    assert (await reconcile(objects, kafkaTopicRef=growth))["TopicGrown"][:2] == (True, "Grown")
    assert objects.found[TOPIC]["spec"] == {"partitions": 12, "replicas": 3}
    objects.put(TOPIC, {"partitions": 24})
    assert (await reconcile(objects, kafkaTopicRef=growth))["TopicGrown"][:2] == (True, "LargeEnough")
    assert objects.found[TOPIC]["spec"] == {"partitions": 24}
