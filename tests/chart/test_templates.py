"""What the chart makes of values, in every mode, with both Helm versions."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from adclicks.http.settings import ConnectionSettings
from adclicks.settings import describe
from chart.conftest import CHART, KIND, PREFIX, ROOT, Objects, Render, environment, template

MODES = sorted([CHART / "values-kind.yaml", CHART / "values-production.yaml", *(CHART / "ci").glob("*.yaml")])
WORKLOADS = ("Deployment", "StatefulSet", "Job", "Pod")


def pod_specs(objects: Objects) -> dict[str, dict[str, Any]]:
    """The pods that a rendering would run."""
    return {
        key: item["spec"] if item["kind"] == "Pod" else item["spec"]["template"]["spec"]
        for key, item in objects.items()
        if item["kind"] in WORKLOADS
    }


@pytest.mark.parametrize("values", MODES, ids=lambda path: path.stem)
def test_every_mode_renders_pods_of_the_restricted_level(render: Render, values: Path) -> None:
    """No root, no shell for an intruder to write to, no token but the operator's; a ServiceAccount each; memory bounded."""
    objects = render("--values", str(values))
    for key, spec in pod_specs(objects).items():
        assert spec["automountServiceAccountToken"] is key.endswith("-operator"), key
        assert spec["enableServiceLinks"] is False, key
        assert spec["securityContext"]["runAsNonRoot"] is True, key
        for container in spec["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True, key
            assert security["allowPrivilegeEscalation"] is False, key
            assert security["capabilities"] == {"drop": ["ALL"]}, key
            assert container["resources"]["limits"]["memory"], key
            assert container["resources"]["requests"]["cpu"], key
        if not key.startswith("Pod/"):
            assert f"ServiceAccount/{spec['serviceAccountName']}" in objects, key
    entitled = [item for key, item in objects.items() if key.startswith(("Role", "ClusterRole"))]
    assert all(item["metadata"]["labels"]["app.kubernetes.io/component"] == "operator" for item in entitled)


@pytest.mark.parametrize("values", MODES, ids=lambda path: path.stem)
def test_selectors_match_their_pods_and_no_others(render: Render, values: Path) -> None:
    """A Service that selects too much would send clicks to the database."""
    objects = render("--values", str(values))
    labels = {
        key: item["spec"]["template"]["metadata"]["labels"]
        for key, item in objects.items()
        if item["kind"] in ("Deployment", "StatefulSet")
    }
    for key, item in objects.items():
        if item["kind"] == "Service":
            found = [name for name, own in labels.items() if item["spec"]["selector"].items() <= own.items()]
            assert len(found) == 1, (key, found)


def test_a_pod_leaves_its_service_before_it_is_told_to_stop(render: Render) -> None:
    """preStop sleeps, then SIGTERM, then open requests; all of it within the grace period."""
    objects = render(*KIND, "--set", "ingest.preStopSeconds=7,ingest.shutdownSeconds=11")
    spec = objects[f"Deployment/{PREFIX}-ingest"]["spec"]["template"]["spec"]
    assert spec["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": 7}}}
    assert environment(objects, "ingest")["SHUTDOWN_SECONDS"] == "11"
    assert spec["terminationGracePeriodSeconds"] > 7 + 11


def test_a_rollout_never_has_fewer_pods(render: Render) -> None:
    """A new pod is ready before an old one goes."""
    objects = render(*KIND)
    for component in ("ingest", "consumer", "analytics"):
        strategy = objects[f"Deployment/{PREFIX}-{component}"]["spec"]["strategy"]
        assert strategy == {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


def test_an_autoscaled_deployment_names_no_replicas(render: Render) -> None:
    """Else every upgrade would throw the autoscaler's number away."""
    objects = render(*KIND, "--set", "ingest.autoscaling.enabled=true")
    assert "replicas" not in objects[f"Deployment/{PREFIX}-ingest"]["spec"]
    assert objects[f"HorizontalPodAutoscaler/{PREFIX}-ingest"]["spec"]["minReplicas"] == 2
    assert objects[f"Deployment/{PREFIX}-analytics"]["spec"]["replicas"] == 1


@pytest.mark.parametrize("provider", ["external", "custom", "keda"])
def test_the_operator_is_given_a_lag_autoscaler(render: Render, provider: str) -> None:
    """It names the consumer's Deployment, the group, and as many members a pod as there are workers."""
    settings = f"autoscaling.provider={provider},operator.enabled=true,consumer.workers=2,consumer.replicas=2"
    objects = render(*KIND, "--set", settings)
    assert "replicas" not in objects[f"Deployment/{PREFIX}-consumer"]["spec"]
    spec = objects[f"LagAutoscaler/{PREFIX}-consumer"]["spec"]
    assert spec["scaleTargetRef"]["name"] == f"{PREFIX}-consumer"
    assert spec["kafka"]["group"] == environment(objects, "consumer")["KAFKA_GROUP"]
    assert spec["membersPerReplica"] == 2
    # The operator owns the HPA; a second one on the same Deployment would fight it.
    assert not [key for key in objects if key.startswith(("HorizontalPodAutoscaler", "ScaledObject"))]
    registered = environment(objects, "operator").get("SERVING_API_SERVICES", "")
    assert [key for key in objects if key.startswith("APIService/")] == [
        f"APIService/{name}" for name in registered.split(",") if name
    ]


def test_without_the_operator_the_number_is_served_from_values(render: Render) -> None:
    """A plain HPA asks for the metric of the same name that the spec in the ConfigMap is served under."""
    objects = render(*KIND, "--set", "autoscaling.provider=external")
    assert environment(objects, "operator")["LAGSCALER_MODE"] == "values"
    file = yaml.safe_load(objects[f"ConfigMap/{PREFIX}-operator"]["data"]["lagautoscaler.yaml"])
    hpa = objects[f"HorizontalPodAutoscaler/{PREFIX}-consumer-lag"]["spec"]
    # As the operator's HPA: the number is taken in one step.
    assert hpa["behavior"]["scaleUp"]["policies"] == [
        {"type": "Pods", "value": hpa["maxReplicas"], "periodSeconds": 15}
    ]
    metric = hpa["metrics"][0]["external"]["metric"]
    assert metric["selector"]["matchLabels"] == {"lagautoscaler": file["metadata"]["name"]}
    assert not any(key.startswith("LagAutoscaler") for key in objects)
    rules = [rule for key, item in objects.items() if key.startswith("Role/") for rule in item["rules"]]
    assert not [rule for rule in rules if "lagautoscalers" in rule["resources"]]
    assert all("resourceNames" in rule for rule in rules)


@pytest.mark.parametrize(("wide", "named"), [(False, [["login"]]), (True, [None])])
def test_the_operator_may_read_the_secrets_that_its_release_names(
    render: Render, wide: bool, named: list[object]
) -> None:
    """No others: whoever may write a LagAutoscaler could else have a password sent to a broker of theirs. Of other
    LagAutoscalers' Secrets only where it looks after all namespaces, which says so.
    """
    values = "autoscaling.provider=external,operator.enabled=true,kafka.external.securityProtocol=sasl_plaintext"
    values += f",kafka.external.sasl.existingSecret=login,operator.clusterWide={str(wide).lower()}"
    objects = render(*KIND, "--set", values)
    binding = objects[f"RoleBinding/{PREFIX}-operator"] if not wide else _cluster_binding(objects)
    role = objects[f"{binding['roleRef']['kind']}/{binding['roleRef']['name']}"]
    rules = [rule for rule in role["rules"] if "secrets" in rule["resources"]]
    assert [rule.get("resourceNames") for rule in rules] == named
    assert all(rule["verbs"] == ["get"] for rule in rules)


def _cluster_binding(objects: Objects) -> dict[str, Any]:
    """What binds the operator to its rights on LagAutoscalers of all namespaces: the one without a further suffix."""
    (found,) = (
        item
        for key, item in objects.items()
        if key.startswith(f"ClusterRoleBinding/ads-{PREFIX}-operator-") and key.count("-") == PREFIX.count("-") + 3
    )
    return found


def test_without_a_scaler_nothing_of_it_is_there(render: Render) -> None:
    """provider none: a fixed number, no rights, no API."""
    objects = render(*KIND, "--set", "autoscaling.provider=none,operator.enabled=false")
    assert objects[f"Deployment/{PREFIX}-consumer"]["spec"]["replicas"] == 1
    assert not [key for key in objects if "operator" in key or key.startswith(("Role", "ClusterRole", "APIService"))]


def test_a_job_that_would_change_gets_another_name(render: Render) -> None:
    """A Job can't be changed; an upgrade with a new image must not fail on the old one."""
    jobs = [
        {key for key in render(*KIND, "--set", f"image.tag={tag}") if key.startswith("Job/")} for tag in ("a", "a", "b")
    ]
    assert jobs[0] == jobs[1]
    assert jobs[0].isdisjoint(jobs[2])


def test_clicks_go_to_ingest_and_all_else_to_analytics(render: Render) -> None:
    """One base URL, by Ingress, HTTPRoute or router alike."""
    objects = render(*KIND, "--set", "ingress.enabled=true,httpRoute.enabled=true,httpRoute.parentRefs[0].name=public")
    paths = objects[f"Ingress/{PREFIX}"]["spec"]["rules"][0]["http"]["paths"]
    assert {item["path"]: item["backend"]["service"]["name"] for item in paths} == {
        "/ads/click": f"{PREFIX}-ingest",
        "/ads/clicks": f"{PREFIX}-ingest",
        "/": f"{PREFIX}-analytics",
    }
    clicks, rest = objects[f"HTTPRoute/{PREFIX}"]["spec"]["rules"]
    assert [match["path"]["value"] for match in clicks["matches"]] == ["/ads/click", "/ads/clicks"]
    assert all(match["method"] == "POST" for match in clicks["matches"])
    assert rest["backendRefs"][0]["name"] == f"{PREFIX}-analytics"
    nginx = objects[f"ConfigMap/{PREFIX}-router"]["data"]["nginx.conf"]
    assert f"location = /ads/clicks {{ proxy_pass http://{PREFIX}-ingest:80; }}" in nginx


def test_the_limits_of_connections_are_values(render: Render) -> None:
    """Each setting of ``ConnectionSettings`` is told to both services; idle connections outlive a load balancer's 600 s."""
    variables = [name for name, _, _ in describe(ConnectionSettings)]
    changed = "ingest.connections.headTimeoutSeconds=7,analytics.connections.max=50,router.keepAliveSeconds=90"
    plain, other = render(*KIND), render(*KIND, "--set", changed)
    for component in ("ingest", "analytics"):
        told = environment(plain, component)
        assert {name: float(told[name]) for name in variables} == {
            name: float(default) for name, default, _ in describe(ConnectionSettings)
        }
        assert float(told["KEEP_ALIVE_SECONDS"]) > 600
    assert environment(other, "ingest")["HEAD_TIMEOUT_SECONDS"] == "7"
    assert environment(other, "analytics")["MAX_CONNECTIONS"] == "50"
    key = f"ConfigMap/{PREFIX}-router"
    assert "keepalive_timeout 620s;" in plain[key]["data"]["nginx.conf"]
    assert "keepalive_timeout 90s;" in other[key]["data"]["nginx.conf"]


def test_every_pod_has_a_policy_that_closes_both_ways(render: Render) -> None:
    """What is not a path of ours is closed, out and in."""
    objects = render(*KIND, "--set", "networkPolicy.enabled=true")
    closed = {
        item["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"]: item["spec"]["policyTypes"]
        for item in objects.values()
        if item["kind"] == "NetworkPolicy"
    }
    components = {
        item["metadata"]["labels"]["app.kubernetes.io/component"]
        for item in objects.values()
        if item["kind"] in WORKLOADS
    }
    assert set(closed) == components
    assert all(types == ["Ingress", "Egress"] for types in closed.values())
    postgresql = objects[f"NetworkPolicy/{PREFIX}-postgresql"]["spec"]["ingress"][0]["from"]
    callers = {peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for peer in postgresql}
    assert callers == {"consumer", "analytics", "migrations"}


def test_the_readme_and_the_schema_are_those_of_the_values(tools: Path) -> None:
    """Both are made from values.yaml; no value is undocumented."""
    done = subprocess.run(
        [str(ROOT / ".venv/bin/python"), str(ROOT / "charts" / "document_values.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


# Rules of kube-score that do not fit, each with the reason.
UNFIT = {
    "container-image-pull-policy": "a tag is never pushed twice; IfNotPresent starts pods while the registry is away",
    "container-security-context-user-group-id": "it wants ids above 10000, which the images of others do not have",
    "container-ephemeral-storage-request-and-limit": "nothing is written to disk; /tmp is bounded memory",
    "container-resources": "no CPU limit: throttling would only add latency",
    "pod-probes-identical": "an own check of nginx is all there is to ask",
    "statefulset-has-servicename": "the Service is the chart's own, not a headless one",
    "pod-networkpolicy": "they are all off unless asked for; asserted above",
    "deployment-has-host-podantiaffinity": "topology spread does it, and goes on where there is one node",
    "statefulset-has-host-podantiaffinity": "one pod",
    "deployment-strategy": "Redis is recreated: two at once would be two caches",
    "service-type": "the router's NodePort is what kind maps to localhost:8080",
    "deployment-replicas": "one pod each on kind, and Redis, which is a cache",
}


def test_kube_score_finds_nothing(tools: Path) -> None:
    """A linter's opinion, less the rules that do not fit here."""
    rendered = template(tools / "helm", *KIND, "--set", "networkPolicy.enabled=true").stdout
    ignored = [f"--ignore-test={rule}" for rule in UNFIT]
    done = subprocess.run(
        [str(tools / "kube-score"), "score", *ignored, "--output-format=ci", "-"],
        input=rendered,
        capture_output=True,
        text=True,
        check=False,
    )
    problems = [line for line in done.stdout.splitlines() if line.startswith(("[CRITICAL]", "[WARNING]"))]
    assert not problems, "\n".join(problems)


def test_the_kind_broker_is_valid_yaml() -> None:
    """k8s/ is applied as it is."""
    for path in (ROOT / "k8s").rglob("*.yaml"):
        assert list(yaml.safe_load_all(path.read_text())), path


def test_development_runs_a_writable_copy_of_the_sources(render: Render) -> None:
    """The root file system stays read-only; a synced file lands in /src, and the service starts again."""
    objects = render(*KIND, "--set", "development.enabled=true")
    for component in ("ingest", "consumer", "analytics"):
        spec = objects[f"Deployment/{PREFIX}-{component}"]["spec"]["template"]["spec"]
        assert environment(objects, component)["PYTHONPATH"] == "/src"
        assert {"name": "src", "mountPath": "/src"} in spec["containers"][0]["volumeMounts"]
        assert spec["initContainers"][0]["command"] == ["cp", "--recursive", "/app/.", "/src"]
        assert spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    assert "command" not in render(*KIND)[f"Deployment/{PREFIX}-ingest"]["spec"]["template"]["spec"]["containers"][0]
