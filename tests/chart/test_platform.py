"""What platform teams need of a chart: GitOps, quotas, placement, umbrella charts, names that do not collide."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from chart.conftest import CHART, KIND, PREFIX, PRODUCTION, Objects, Render, template
from chart.test_templates import pod_specs

STRIMZI = (*KIND, "--set", "kafka.mode=strimzi,kafka.external.bootstrapServers=")
CNPG = (*KIND, "--set", "postgresql.mode=cnpg")
TLS = (
    *KIND,
    "--set=kafka.external.securityProtocol=ssl,kafka.external.tls.caSecret=kafka-ca,kafka.external.tls.clientSecret=me",
    "--set=redis.mode=external,redis.external.address=redis:6379",
    "--set=redis.external.tls.enabled=true,redis.external.tls.caSecret=redis-ca",
)


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that is there twice in one map, as kustomize and Flux do; PyYAML alone takes the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(keys) == len(set(map(str, keys))), f"a key is there twice: {keys}"
        return super().construct_mapping(node, deep)


def _mounted_keys(objects: Objects) -> dict[str, set[str] | None]:
    """The keys of each Secret that is mounted; None: all of them."""
    found: dict[str, set[str] | None] = {}
    for spec in pod_specs(objects).values():
        for volume in spec.get("volumes", []):
            if "secret" in volume:
                items = volume["secret"].get("items")
                found[volume["secret"]["secretName"]] = {item["key"] for item in items} if items else None
    return found


def test_only_the_keys_in_use_are_mounted(render: Render) -> None:
    """CloudNativePG keeps the CA's private key beside its certificate: with it anybody can make client certificates."""
    assert _mounted_keys(render(*CNPG)) == {f"{PREFIX}-postgresql-ca": {"ca.crt"}}
    assert _mounted_keys(render(*TLS)) == {"kafka-ca": {"ca.crt"}, "me": {"tls.crt", "tls.key"}, "redis-ca": {"ca.crt"}}


def test_of_strimzis_secrets_a_certificate_that_was_replaced_is_mounted_too(render: Render) -> None:
    """The one exception: its name is not known before, and the Secret has no private key."""
    keys = _mounted_keys(render(*STRIMZI, "--set", "kafka.strimzi.authentication=tls"))
    assert keys.pop(f"{PREFIX}-kafka-cluster-ca-cert") is None
    assert set(map(frozenset, keys.values())) == {frozenset({"user.crt", "user.key"})}  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", [STRIMZI, CNPG, KIND])
def test_argo_cd_keeps_what_helm_keeps(render: Render, mode: tuple[str, ...]) -> None:
    """Argo CD does not know Helm's annotation, and would delete topics with their clicks where a mode changes."""
    for key, item in render(*mode).items():
        annotations = item["metadata"].get("annotations", {})
        if "helm.sh/resource-policy" in annotations:
            assert annotations["argocd.argoproj.io/sync-options"] == "Prune=false,Delete=false", key


@pytest.mark.parametrize("mode", [KIND, PRODUCTION])
def test_no_key_is_there_twice(helm: Path, mode: tuple[str, ...]) -> None:
    """Labels of yours that the chart has, too, replace its own."""
    labels = 'commonLabels={"app.kubernetes.io/part-of": "shop", "team": "a"}'
    pods = 'ingest.podLabels={"team": "b"}'
    monitoring = 'monitoring.rules.labels={"team": "c"}'
    done = template(helm, *mode, "--set-json", labels, "--set-json", pods, "--set-json", monitoring)
    assert done.returncode == 0, done.stderr
    for item in yaml.load_all(done.stdout, _StrictLoader):
        if item and "labels" in item["metadata"]:
            assert item["metadata"]["labels"]["app.kubernetes.io/part-of"] == "shop"


@pytest.mark.parametrize("mode", [STRIMZI, CNPG, PRODUCTION])
def test_every_pod_says_what_it_needs(render: Render, mode: tuple[str, ...]) -> None:
    """Under a ResourceQuota one that does not is refused; without the entity operator there is no topic."""
    for key, item in render(*mode).items():
        if key.startswith("Kafka/"):
            for name in ("topicOperator", "userOperator"):
                assert item["spec"]["entityOperator"][name]["resources"]["limits"]["memory"]
        if key.startswith("Cluster/"):
            assert item["spec"]["resources"]["requests"]["memory"]


def test_every_pod_goes_where_it_may(render: Render) -> None:
    """Jobs, databases, router and test pod, and those that operators make; a component's own values go first."""
    where = (
        '--set-json=nodeSelector={"pool": "ads"}',
        '--set-json=tolerations=[{"key": "ads", "operator": "Exists"}]',
        "--set=priorityClassName=high,ingest.nodeSelector.pool=web,image.pullSecrets[0]=registry",
    )
    for mode in (KIND, PRODUCTION, STRIMZI, CNPG):
        objects = render(*mode, *where)
        for key, spec in pod_specs(objects).items():
            assert spec["nodeSelector"] == {"pool": "web" if key.endswith("-ingest") else "ads"}, key
            assert spec["tolerations"] == [{"key": "ads", "operator": "Exists"}], key
            assert spec["priorityClassName"] == "high", key
            assert spec["imagePullSecrets"] == [{"name": "registry"}], key
        for key, item in objects.items():
            if key.startswith(("Kafka/", "KafkaNodePool/")):
                spec = item["spec"]
                pod = (spec["entityOperator"] if key.startswith("Kafka/") else spec)["template"]["pod"]
                (term,) = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
                    "nodeSelectorTerms"
                ]
                assert term["matchExpressions"] == [{"key": "pool", "operator": "In", "values": ["ads"]}]
                assert pod["tolerations"] == [{"key": "ads", "operator": "Exists"}]
            if key.startswith("Cluster/"):
                assert item["spec"]["affinity"]["nodeSelector"] == {"pool": "ads"}


def test_names_that_are_cut_stay_apart(render: Render) -> None:
    """Two releases that differ in their last letter only."""
    names = [
        {key for key in render(*KIND, release=f"ads-click-tracking-for-shops-europe-west{number}") if "/" in key}
        for number in (1, 2)
    ]
    assert names[0].isdisjoint(names[1])


def test_cluster_wide_names_of_two_namespaces_stay_apart(helm: Path) -> None:
    """Release b-ads in namespace a, and release ads in namespace a-b."""

    def cluster_roles(namespace: str, release: str) -> set[str]:
        done = subprocess.run(
            [
                helm,
                "template",
                release,
                CHART,
                f"--namespace={namespace}",
                *KIND,
                "--set=autoscaling.provider=external",
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        items = [item for item in yaml.safe_load_all(done.stdout) if item]
        return {item["metadata"]["name"] for item in items if item["kind"].startswith("ClusterRole")}

    one, other = cluster_roles("a", "b-ads-click-tracking"), cluster_roles("a-b", "ads-click-tracking")
    assert one
    assert one.isdisjoint(other)


def test_without_a_wait_before_the_end_there_is_no_hook(render: Render) -> None:
    """Kubernetes before 1.33 refuses a sleep of 0 seconds."""
    objects = render(*KIND, "--set", "ingest.preStopSeconds=0,analytics.preStopSeconds=0")
    for component in ("ingest", "analytics"):
        container = objects[f"Deployment/{PREFIX}-{component}"]["spec"]["template"]["spec"]["containers"][0]
        assert "lifecycle" not in container


@pytest.mark.parametrize("url", ["https://runbooks.example.com/ads", "https://runbooks.example.com/ads/"])
def test_runbooks_are_joined_with_one_slash(render: Render, url: str) -> None:
    """With the slash at the end, and without."""
    objects = render(*KIND, "--set", f"monitoring.rules.enabled=true,monitoring.rules.runbookUrl={url}")
    (group,) = objects[f"PrometheusRule/{PREFIX}"]["spec"]["groups"]
    for rule in group["rules"]:
        if "alert" in rule:
            assert rule["annotations"]["runbook_url"] == f"https://runbooks.example.com/ads/{rule['alert']}.md"


def test_an_umbrella_chart_can_have_it_as_a_part(helm: Path, tmp_path: Path) -> None:
    """`condition:` hands it `enabled`, and every chart is handed `global`."""
    umbrella = tmp_path / "shop"
    shutil.copytree(CHART, umbrella / "charts" / "ads-click-tracking")
    dependency = {"name": "ads-click-tracking", "version": "*", "condition": "ads-click-tracking.enabled"}
    chart = {"apiVersion": "v2", "name": "shop", "version": "1.0.0", "dependencies": [dependency]}
    (umbrella / "Chart.yaml").write_text(yaml.safe_dump(chart))
    ours = {"enabled": True, "kafka": {"external": {"bootstrapServers": "kafka:9092"}}}
    (umbrella / "values.yaml").write_text(yaml.safe_dump({"global": {"a": 1}, "ads-click-tracking": ours}))
    done = subprocess.run([helm, "template", "r", umbrella], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "kind: Deployment" in done.stdout
    off = [str(helm), "template", "r", str(umbrella), "--set=ads-click-tracking.enabled=false"]
    assert "kind:" not in subprocess.run(off, capture_output=True, text=True, check=True).stdout
