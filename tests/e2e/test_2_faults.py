"""What breaks in a cluster: nothing is lost, nothing counted twice, and nobody has to do anything."""

from collections.abc import Callable
from typing import Any

import pytest

from testbed import traffic
from testbed.cluster import Cluster, kill_9
from testbed.polling import eventually
from testbed.release import Release

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

COMPONENTS = ("ingest", "consumer", "analytics", "router", "redis", "postgresql", "kafka")
Fault = Callable[[Cluster, dict[str, Any]], None]


def _delete(cluster: Cluster, pod: dict[str, Any]) -> None:
    cluster.kubectl("delete", "pod", pod["metadata"]["name"])


def _evict(cluster: Cluster, pod: dict[str, Any]) -> None:
    cluster.evict(pod["metadata"]["name"])


def _pods(cluster: Cluster, component: str) -> list[dict[str, Any]]:
    if component == "kafka":
        return cluster.get("pods", "--selector", "app.kubernetes.io/name=kafka")
    return cluster.pods(component)


def _incarnations(pods: list[dict[str, Any]]) -> set[tuple[str, int]]:
    return {
        (pod["metadata"]["uid"], status["restartCount"])
        for pod in pods
        for status in pod["status"].get("containerStatuses", [])
    }


@pytest.mark.parametrize("fault", [_delete, _evict, kill_9], ids=["delete", "evict", "kill -9"])
def test_any_pod_may_go(release: Release, fault: Fault) -> None:
    """Each pod in turn, under load: clients retry, no click is lost or counted twice, and all are ready again."""
    cluster = release.cluster
    with traffic.steady(release.url, rate=100) as sent:
        for component in COMPONENTS:
            before = _pods(cluster, component)
            fault(cluster, before[0])

            def recovered(component: str = component, before: list[dict[str, Any]] = before) -> None:
                pods = _pods(cluster, component)
                assert _incarnations(pods) != _incarnations(before), component
                assert len(pods) == len(before), component
                assert all(
                    status["ready"]
                    for pod in pods
                    for status in pod["status"].get("containerStatuses", [{"ready": False}])
                ), component

            eventually(recovered, timeout_seconds=120.0)
    assert sent.abandoned == 0, sent.failures[-5:]
    release.assert_counted(sent.ad_id, sent.accepted)
