"""The consumers scale themselves on lag: the operator, its metrics API, and a stock HPA, on real pods."""

import json
import os
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import yaml

from testbed import clicks, http
from testbed.cluster import CHART, Cluster, CommandFailed, kill_9, run
from testbed.forwarding import forwarded
from testbed.polling import eventually
from testbed.release import Release
from testbed.scaling import Probe, Watch, existing, owned_hpa, statuses
from testbed.wrong_autoscalers import BAD, CONSUMER, GOOD, OPERATOR

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

METRIC = (
    "/apis/external.metrics.k8s.io/v1beta1/namespaces/{namespace}/lagscaler_desired_replicas"
    "?labelSelector=lagautoscaler%3D{name}"
)
BURST = 200_000
LINES = 500
# One consumer would take over three minutes for the burst, four take one.
RATE_LIMIT = 1000
DRAIN_SECONDS = 100
OUTAGE_SECONDS = 120
SCALING = {
    "consumer": {"rateLimit": RATE_LIMIT},
    # A certificate that is renewed every minute, under all that happens here.
    "operator": {"enabled": True, "extraEnv": [{"name": "SERVING_CERT_DAYS", "value": "0.001"}]},
    "autoscaling": {
        "provider": "external",
        "maxReplicas": 4,
        "ratePerConsumer": 1000,
        "drainSeconds": DRAIN_SECONDS,
        "startupSeconds": 10,
        # Kubernetes' own 300 s before it scales down would only make the test longer.
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 30}},
    },
}


@pytest.fixture(scope="module")
def scaling(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """The release with the operator, and consumers that are too slow for the burst."""
    values = tmp_path_factory.mktemp("scaling") / "values.yaml"
    values.write_text(yaml.safe_dump(SCALING))
    # Helm adds definitions only when it installs; a cluster that had the chart before has the one of then. In Helm's name,
    # because its next installation would refuse to change what somebody else has taken over.
    apply = ("kubectl", "apply", "--server-side", "--force-conflicts", "--field-manager=helm")
    run(*apply, "--filename", str(CHART / "crds"))
    release.upgrade("--values", str(values))
    release.cluster.kubectl("wait", "--for=condition=Ready", f"lagautoscaler/{CONSUMER}", "--timeout=120s")
    eventually(lambda: _is(statuses(release.cluster, "hpa", CONSUMER)["ScalingActive"], "True"))
    yield release
    release.upgrade()


def served(cluster: Cluster) -> int:
    """The number that the HPA acts on, asked as it asks."""
    path = METRIC.format(namespace=cluster.namespace, name=CONSUMER)
    try:
        items = json.loads(run("kubectl", "get", "--raw", path))["items"]
    except CommandFailed as error:
        raise AssertionError(str(error)) from error
    return int(items[0]["value"])


def replicas(cluster: Cluster) -> int:
    """What the HPA asks of the Deployment now."""
    asked: int = cluster.get("deployment", CONSUMER)[0]["spec"]["replicas"]
    return asked


def burst(release: Release, count: int) -> str:
    """``count`` clicks of one ad, in batches; returns the ad."""
    ad_id = str(uuid4())
    with http.client(release.url) as client:
        for _ in range(count // LINES):
            lines = b"\n".join(clicks.encode(clicks.new_click(ad_id=ad_id)) for _ in range(LINES))
            answer = client.call("POST", "/ads/clicks", lines, {"Content-Type": "application/x-ndjson"})
            assert answer.status == 202, answer.body
    return ad_id


def record(name: str, text: str) -> None:
    """Prints a table, and keeps it where E2E_RESULTS says."""
    print(f"\n{text}")
    if folder := os.environ.get("E2E_RESULTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / name).write_text(text + "\n")


def test_a_burst_is_drained_in_time_and_the_pool_shrinks_again(scaling: Release) -> None:
    """Out, drained within the target, in again without flapping; nothing lost, nothing double."""
    cluster = scaling.cluster
    eventually(lambda: _is(replicas(cluster), 1), timeout_seconds=180)
    certificate = _certificate(cluster)
    with Watch(cluster, CONSUMER) as watch, Probe(lambda: served(cluster)) as probe:
        shown = [cluster.kubectl("get", "hpa,lagautoscaler")]
        began = time.monotonic()
        ad_id = burst(scaling, BURST)
        sent_seconds = time.monotonic() - began
        eventually(lambda: _is(watch.most_ready >= 3, True))
        shown.append(cluster.kubectl("get", "hpa,lagautoscaler"))
        eventually(lambda: _is(watch.latest.lag, 0), timeout_seconds=400)
        eventually(lambda: _is((watch.latest.asked, watch.latest.ready), (1, 1)), timeout_seconds=200)
        shown.append(cluster.kubectl("get", "hpa,lagautoscaler"))
    drained = watch.drained_after_seconds()
    told = f"{BURST:,} clicks sent in {sent_seconds:.0f} s, drained after {drained:.0f} s"
    record("scaling.txt", "\n".join([*shown, watch.table(), "", told]))
    assert drained <= DRAIN_SECONDS
    assert watch.turns() == 1
    scaling.assert_counted(ad_id, BURST)
    # The certificate was renewed meanwhile, and whoever asked for the number did not notice.
    assert _certificate(cluster) != certificate
    assert (probe.failures, probe.answers > 10) == ([], True)


def test_the_pool_stays_while_kafka_is_away_and_whatever_is_done_to_the_hpa_is_undone(scaling: Release) -> None:
    """Two minutes without Kafka, scaled out: the last number, then an error on which the HPA holds still; never fewer, even
    though the HPA is edited and deleted fifty times meanwhile. When it is back, what waits is read.
    """
    cluster = scaling.cluster
    ad_id = burst(scaling, BURST // 2)
    eventually(lambda: _is(replicas(cluster) > 2, True), timeout_seconds=120)
    before, wanted = replicas(cluster), owned_hpa(cluster, CONSUMER)
    cluster.kubectl("scale", "statefulset/kafka", "--replicas=0")
    until = time.monotonic() + OUTAGE_SECONDS
    try:
        with Watch(cluster, CONSUMER) as watch:
            _tamper(cluster, wanted, times=50)
            eventually(lambda: _is(time.monotonic() > until, True), timeout_seconds=OUTAGE_SECONDS)
            with pytest.raises(AssertionError, match=r"(?i)spec.kafka.bootstrapServers"):
                served(cluster)
            eventually(lambda: _is(statuses(cluster, "hpa", CONSUMER)["ScalingActive"], "False"))
            assert statuses(cluster, "lagautoscaler", CONSUMER)["Ready"] == "False"
    finally:
        cluster.kubectl("scale", "statefulset/kafka", "--replicas=1")
    assert len(watch.looks) > 10
    assert {look.asked for look in watch.looks} == {before}
    cluster.kubectl("rollout", "status", "statefulset/kafka", "--timeout=180s")
    eventually(lambda: served(cluster), timeout_seconds=120)
    scaling.assert_counted(ad_id, BURST // 2)


def test_an_operator_that_is_killed_at_any_point_converges(scaling: Release) -> None:
    """Twenty times kill -9 within the first seconds of its life, each in the midst of a change; the last spec counts."""
    cluster, chance = scaling.cluster, random.Random(20)
    for number in range(20):
        pod = eventually(lambda: _running(cluster))
        # A field that Helm does not set: the next upgrade would refuse to change what somebody else has taken over.
        _merge(cluster, "lagautoscaler", {"spec": {"behavior": {"scaleUp": {"stabilizationWindowSeconds": number}}}})
        time.sleep(chance.uniform(0.0, 3.0))
        kill_9(cluster, pod)
        # A new pod, because one whose container dies this often is made to wait longer each time.
        cluster.kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force", "--ignore-not-found")
        if number % 5 == 4:
            eventually(partial(_has_window, cluster, number))
    eventually(lambda: served(cluster))
    eventually(lambda: _is(statuses(cluster, "lagautoscaler", CONSUMER)["Ready"], "True"))


def _tamper(cluster: Cluster, wanted: dict[str, Any], times: int) -> None:
    """Edits or deletes the HPA, and waits until it is as before, so many times."""
    chance = random.Random(50)
    edits: list[dict[str, Any] | None] = [
        {"spec": {"maxReplicas": 99}},
        {"spec": {"minReplicas": 2}},
        {"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}},
        {"spec": {"metrics": None}},
        {"spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "another"}}},
        {"metadata": {"ownerReferences": None}},
        None,
    ]
    for _ in range(times):
        edit = chance.choice(edits)
        if edit is None:
            cluster.kubectl("delete", "hpa", CONSUMER, "--wait=true")
        else:
            with suppress(CommandFailed):
                # An HPA without metrics may be refused; then there is nothing to undo.
                _merge(cluster, "hpa", edit)
        eventually(lambda: _is(owned_hpa(cluster, CONSUMER), wanted), timeout_seconds=60)


@pytest.mark.parametrize(("change", "field"), BAD.values(), ids=BAD.keys())
def test_a_wrong_autoscaler_says_which_field(scaling: Release, change: dict[str, Any], field: str) -> None:
    """Refused by the API server, or a condition; the operator goes on with the others."""
    cluster, name = scaling.cluster, f"bad-{uuid4().hex[:8]}"
    spec = {key: value for key, value in {**GOOD, **change}.items() if value is not None}
    wrong = {"apiVersion": "adclicks.dev/v1alpha1", "kind": "LagAutoscaler", "metadata": {"name": name}, "spec": spec}
    refusal = _create(cluster, wrong)
    if refusal:
        assert field in refusal
        return

    def told() -> None:
        conditions = existing(cluster, "lagautoscaler", name).get("status", {}).get("conditions", [])
        assert any(item["status"] == "False" and field in item["message"] for item in conditions), conditions

    try:
        eventually(told, timeout_seconds=60)
    finally:
        cluster.kubectl("delete", "lagautoscaler", name, "--wait=true", "--timeout=60s")


def test_the_number_is_for_those_who_may_ask(scaling: Release) -> None:
    """Through the API server and at the pod itself: with rights the number, without them a refusal."""
    cluster = scaling.cluster
    path = METRIC.format(namespace=cluster.namespace, name=CONSUMER)
    assert served(cluster) >= 1
    with pytest.raises(CommandFailed, match="Forbidden"):
        run("kubectl", "get", "--raw", path, f"--as=system:serviceaccount:{cluster.namespace}:default")
    poor = cluster.kubectl("create", "token", "default").strip()
    rich = run("kubectl", "create", "token", "horizontal-pod-autoscaler", "--namespace=kube-system").strip()
    with (
        forwarded(cluster, OPERATOR, 8443) as url,
        # The pod's certificate is for its Service; who it is, is the API server's to check, and is not the question here.
        httpx.Client(base_url=url, verify=False) as client,  # noqa: S501
    ):
        assert client.get(path).status_code == 401
        assert client.get(path, headers={"Authorization": "Bearer nonsense"}).status_code == 401
        forged = {"X-Remote-User": "system:admin", "X-Remote-Group": "system:masters"}
        assert client.get(path, headers=forged).status_code == 401
        assert client.get(path, headers={"Authorization": f"Bearer {poor}"}).status_code == 403
        answer = client.get(path, headers={"Authorization": f"Bearer {rich}"})
        assert answer.status_code == 200
        assert answer.json()["items"][0]["metricName"] == "lagscaler_desired_replicas"


@pytest.mark.parametrize(
    ("values", "hpa"),
    [
        ("autoscaling.provider=custom", CONSUMER),
        ("autoscaling.provider=external,operator.enabled=false", f"{CONSUMER}-lag"),
    ],
    ids=["of the object", "from values alone"],
)
def test_the_number_reaches_the_hpa_another_way(scaling: Release, values: str, hpa: str) -> None:
    """As the LagAutoscaler's own metric, where another server has the external ones; and without operator and object."""
    scaling.upgrade("--reuse-values", "--set", values)
    eventually(lambda: _is(statuses(scaling.cluster, "hpa", hpa)["ScalingActive"], "True"))


def _running(cluster: Cluster) -> dict[str, Any]:
    """The operator's pod, with a process."""
    pods = [pod for pod in cluster.pods("operator") if pod["status"].get("containerStatuses")]
    assert pods
    (container,) = pods[0]["status"]["containerStatuses"]
    assert "running" in container["state"]
    return pods[0]


def _certificate(cluster: Cluster) -> str:
    """That of the metrics API."""
    found: str = cluster.get("secret", f"{OPERATOR}-serving")[0]["data"]["tls.crt"]
    return found


def _has_window(cluster: Cluster, seconds: int) -> None:
    assert owned_hpa(cluster, CONSUMER)["behavior"]["scaleUp"]["stabilizationWindowSeconds"] == seconds


def _is(value: object, wanted: object) -> None:
    assert value == wanted


def _create(cluster: Cluster, item: dict[str, Any]) -> str:
    """What the API server says against it; empty where it is accepted."""
    try:
        cluster.kubectl("create", "--filename=-", text=json.dumps(item))
    except CommandFailed as refused:
        return str(refused)
    return ""


def _merge(cluster: Cluster, kind: str, patch: dict[str, Any]) -> None:
    cluster.kubectl("patch", kind, CONSUMER, "--type=merge", "--patch", json.dumps(patch))
