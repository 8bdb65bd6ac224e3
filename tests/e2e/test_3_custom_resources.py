"""What the chart asks of operators, against their real CustomResourceDefinitions."""

import json

import pytest
import yaml

from testbed.cluster import CHART, Cluster, CommandFailed, run

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

STRIMZI = ("--values", str(CHART / "values-kind.yaml"), "--set", "kafka.mode=strimzi,kafka.external.bootstrapServers=")
# Less the Gateway, of which no definition is here, and the secrets of its example.
PRODUCTION = ("--values", str(CHART / "values-production.yaml"), "--set", "httpRoute.enabled=false,checkSecrets=false")
MODES = {
    "production": PRODUCTION,
    "production with client certificates": (
        *PRODUCTION,
        *("--set", "kafka.strimzi.authentication=tls,postgresql.cnpg.parameters.work_mem=16MB"),
    ),
    "KEDA": ("--values", str(CHART / "ci" / "keda-values.yaml")),
    "one broker": (
        *STRIMZI,
        # Any port of the node: that of the kind values belongs to the release that the other tests have installed.
        *("--set", "router.service.nodePort=0,monitoring.podMonitor.enabled=true,monitoring.rules.enabled=true"),
    ),
}


@pytest.mark.parametrize("values", MODES.values(), ids=MODES.keys())
def test_the_api_server_accepts_every_object_strictly(
    cluster: Cluster, definitions: None, values: tuple[str, ...]
) -> None:
    """No unknown field, no wrong type, in what Strimzi, CloudNativePG, KEDA and Prometheus are asked for."""
    rendered = cluster.helm("template", "strict", str(CHART), "--validate", *values)
    items = [json.dumps(item) for item in yaml.safe_load_all(rendered) if item and item["kind"] != "Pod"]
    # Without a namespace of its own: one of the operator's objects is in kube-system.
    said = run("kubectl", "apply", "--dry-run=server", "--validate=strict", "--filename=-", text="\n".join(items))
    assert len(said.splitlines()) == len(items)


def test_an_installation_is_not_ready_before_strimzi_is(cluster: Cluster, definitions: None) -> None:
    """Pods wait for the users' secrets that only Strimzi makes, so `helm --wait` does not say that all is well."""
    try:
        with pytest.raises(CommandFailed, match=r"(?i)not ready|deadline|timed out"):
            cluster.helm(
                "install",
                "waits",
                str(CHART),
                *STRIMZI,
                "--set",
                "router.enabled=false,router.service.type=ClusterIP,router.service.nodePort=0",
                "--wait",
                "--timeout",
                "20s",
            )
        waiting = cluster.get(
            "pods", "--selector", "app.kubernetes.io/instance=waits,app.kubernetes.io/component=ingest"
        )
        assert waiting[0]["status"]["phase"] == "Pending"
    finally:
        cluster.helm("uninstall", "waits", "--wait")
        cluster.kubectl("delete", "kafkatopics,kafkanodepools,kafkas", "--all")
        cluster.kubectl("delete", "persistentvolumeclaims", "--selector", "app.kubernetes.io/instance=waits")
