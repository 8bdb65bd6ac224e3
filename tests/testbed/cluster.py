"""The current Kubernetes cluster, through kubectl and helm, in one namespace."""

import json
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHART = Path(__file__).parents[2] / "charts" / "ads-click-tracking"
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}


class CommandFailed(Exception):
    """A command's output, where its exit code was not 0."""


def run(*command: str, text: str | None = None, timeout_seconds: float = 300.0) -> str:
    """The command's output. Raises ``CommandFailed``."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=timeout_seconds, check=False)
    if done.returncode != 0:
        raise CommandFailed(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
    return done.stdout


@dataclass(frozen=True)
class Cluster:
    """``helm`` is the program to use: Helm 4, or helm3."""

    namespace: str
    helm_program: str = "helm"

    def kubectl(self, *arguments: str, text: str | None = None, timeout_seconds: float = 300.0) -> str:
        """kubectl in the namespace."""
        return run("kubectl", "--namespace", self.namespace, *arguments, text=text, timeout_seconds=timeout_seconds)

    def helm(self, *arguments: str, timeout_seconds: float = 600.0) -> str:
        """helm in the namespace."""
        return run(self.helm_program, "--namespace", self.namespace, *arguments, timeout_seconds=timeout_seconds)

    def get(self, *what: str) -> list[dict[str, Any]]:
        """The objects that ``kubectl get`` finds."""
        found = json.loads(self.kubectl("get", *what, "--output=json"))
        items: list[dict[str, Any]] = found.get("items", [found])
        return items

    def pods(self, component: str) -> list[dict[str, Any]]:
        """The component's pods that are not on their way out."""
        found = self.get("pods", "--selector", f"app.kubernetes.io/component={component}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def evict(self, pod: str) -> None:
        """As a drain does, so that budgets count."""
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": self.namespace},
        }
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/eviction"
        run("kubectl", "create", "--raw", path, "--filename=-", text=json.dumps(eviction))

    def create_namespace(self) -> None:
        """Anew, with the restricted Pod Security level enforced."""
        self.delete_namespace()
        run("kubectl", "create", "namespace", self.namespace)
        run("kubectl", "label", "namespace", self.namespace, *(f"{key}={value}" for key, value in RESTRICTED.items()))

    def delete_namespace(self) -> None:
        """With all that is in it, and the data on static local volumes, which no provisioner would clean up.

        Releases first: an APIService that outlives its server keeps Kubernetes from deleting any namespace. A failed upgrade
        leaves one that no release knows of.
        """
        for release in self.helm("list", "--short").split():
            self.helm("uninstall", release, "--wait", "--timeout", "2m")
        for service in json.loads(run("kubectl", "get", "apiservices", "--output=json"))["items"]:
            if (service["spec"].get("service") or {}).get("namespace") == self.namespace:
                run("kubectl", "delete", "apiservice", service["metadata"]["name"])
        run("kubectl", "delete", "namespace", self.namespace, "--ignore-not-found", "--timeout=180s")
        for volume in json.loads(run("kubectl", "get", "persistentvolumes", "--output=json"))["items"]:
            claim, path = volume["spec"].get("claimRef", {}), volume["spec"].get("hostPath", {}).get("path", "")
            if (
                claim.get("namespace") == self.namespace
                and volume["status"]["phase"] == "Released"
                and Path(path).is_dir()
            ):
                _empty(Path(path))
                patch = '[{"op": "remove", "path": "/spec/claimRef"}]'
                run("kubectl", "patch", "persistentvolume", volume["metadata"]["name"], "--type=json", "--patch", patch)


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def processes_of(pod: dict[str, Any]) -> list[int]:
    """The pod's processes on this machine, oldest first; none where its node is another machine."""
    ids = [status["containerID"].partition("://")[2] for status in pod["status"]["containerStatuses"]]
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                group = (entry / "cgroup").read_text()
            except OSError:
                continue
            if any(identifier in group for identifier in ids):
                found.append(int(entry.name))
    return sorted(found)


def kill_9(cluster: Cluster, pod: dict[str, Any]) -> None:
    """Ends the main process of the pod's container at once; on another machine's node, the pod as if it had."""
    processes = processes_of(pod)
    if processes:
        os.kill(processes[0], signal.SIGKILL)
    else:
        cluster.kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")
