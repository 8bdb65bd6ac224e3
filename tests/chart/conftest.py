"""Rendering the chart, with both Helm versions."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "ads-click-tracking"
# What the cluster of a full installation knows; without a cluster, Helm is told.
KINDS = (
    "kafka.strimzi.io/v1/Kafka",
    "postgresql.cnpg.io/v1/Cluster",
    "gateway.networking.k8s.io/v1/HTTPRoute",
    "monitoring.coreos.com/v1/PodMonitor",
    "monitoring.coreos.com/v1/PrometheusRule",
    "keda.sh/v1alpha1/ScaledObject",
)
KIND = ("--values", str(CHART / "values-kind.yaml"))
PRODUCTION = ("--values", str(CHART / "values-production.yaml"))
PREFIX = "r-ads-click-tracking"
Objects = dict[str, dict[str, Any]]
Render = Callable[..., Objects]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They need Helm and more, which `make test` must not; on a new machine those are built first, for minutes."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(1800))
            item.add_marker(pytest.mark.chart)


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder with the pinned tools, built the first time."""
    names = ("helm", "helm3", "kube-score", "promtool")
    command = [str(ROOT / "k8s" / "tools.sh"), *names]
    return Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())


@pytest.fixture(scope="session", params=["helm", "helm3"])
def helm(request: pytest.FixtureRequest, tools: Path) -> Path:
    """Helm 4, and Helm 3."""
    return tools / str(request.param)


def template(
    helm: Path, *arguments: str, kinds: tuple[str, ...] = KINDS, release: str = "r"
) -> "subprocess.CompletedProcess[str]":
    """`helm template`, in namespace ads."""
    versions = [f"--api-versions={kind}" for kind in kinds]
    command = [str(helm), "template", release, str(CHART), "--namespace=ads", *versions, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def environment(objects: Objects, component: str) -> dict[str, Any]:
    """A component's variables: its value, or where it comes from."""
    spec = objects[f"Deployment/{PREFIX}-{component}"]["spec"]["template"]["spec"]
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in spec["containers"][0]["env"]}


@pytest.fixture
def render(helm: Path) -> Render:
    """The objects of a rendering, by "Kind/name"."""

    def rendered(*arguments: str, release: str = "r") -> Objects:
        done = template(helm, *arguments, release=release)
        assert done.returncode == 0, done.stderr
        found = [item for item in yaml.safe_load_all(done.stdout) if item]
        return {f"{item['kind']}/{item['metadata']['name']}": item for item in found}

    return rendered
