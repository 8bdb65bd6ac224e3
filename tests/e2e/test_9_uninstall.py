"""The end of a release; the last file, because the others share the release."""

import shutil
from dataclasses import replace

import pytest

from testbed.polling import eventually
from testbed.release import Release

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
KINDS = (
    "deployments,statefulsets,jobs,pods,services,configmaps,secrets,serviceaccounts,persistentvolumeclaims,"
    "poddisruptionbudgets,networkpolicies"
)


def test_uninstall_leaves_what_it_says_and_a_new_install_finds_it(release: Release) -> None:
    """The volume and its password stay; installed again, by the other Helm where there is one, the counts are still there."""
    before = release.audit()
    release.cluster.helm("uninstall", release.name, "--wait")

    def gone() -> None:
        left = {
            f"{item['kind']}/{item['metadata']['name']}"
            for item in release.cluster.get(KINDS, "--selector", "app.kubernetes.io/instance=ads-click-tracking")
        }
        assert left == {
            "PersistentVolumeClaim/data-ads-click-tracking-postgresql-0",
            "Secret/ads-click-tracking-postgresql",
        }

    eventually(gone, timeout_seconds=120.0)
    other = "helm3" if release.cluster.helm_program == "helm" and shutil.which("helm3") else "helm"
    replace(release, cluster=replace(release.cluster, helm_program=other)).upgrade()
    assert release.audit().splitlines()[-1] == before.splitlines()[-1]
