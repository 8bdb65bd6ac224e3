"""One release of the chart on the current cluster, with the kind values, a plain Kafka broker, and restricted pods."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.cluster import Cluster, run
from testbed.polling import eventually
from testbed.release import Release

ROOT = Path(__file__).parents[2]
DEFINITIONS = ROOT.parent / "shared" / "crds"
OPERATORS = ("kafka.strimzi.io", "postgresql.cnpg.io", "keda.sh", "monitoring.coreos.com")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A namespace of its own, which enforces the restricted Pod Security level."""
    cluster = Cluster(os.environ.get("E2E_NAMESPACE", "adclicks-e2e"), os.environ.get("HELM", "helm"))
    cluster.create_namespace()
    yield cluster
    if "E2E_KEEP" not in os.environ:
        cluster.delete_namespace()


@pytest.fixture(scope="session")
def kafka(cluster: Cluster) -> None:
    """One plain broker."""
    cluster.kubectl("apply", "--filename", str(ROOT / "k8s" / "kafka.yaml"))
    cluster.kubectl("rollout", "status", "statefulset/kafka", "--timeout=180s")


@pytest.fixture(scope="session")
def release(cluster: Cluster, kafka: None) -> Release:
    """The chart, installed with the kind values."""
    release = Release(cluster, "ads-click-tracking", os.environ.get("E2E_URL", "http://127.0.0.1:30080"))
    release.upgrade()
    return release


@pytest.fixture(scope="session")
def definitions() -> None:
    """The operators' definitions are in the cluster: with the operators, or from a folder beside the repository."""
    if DEFINITIONS.is_dir():
        run("kubectl", "apply", "--server-side", "--recursive", "--filename", str(DEFINITIONS))

    def served() -> None:
        missing = [group for group in OPERATORS if group not in run("kubectl", "api-versions")]
        assert not missing, f"the cluster lacks {missing}: install the operators first"

    eventually(served)


@pytest.fixture(scope="session", autouse=True)
def _reachable() -> None:
    """A clear word first where no cluster answers."""
    run("kubectl", "version", timeout_seconds=30)
