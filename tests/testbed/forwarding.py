"""Straight to a pod, past every Service."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from localstack.ports import free_port
from testbed.cluster import Cluster
from testbed.polling import eventually


@contextmanager
def forwarded(cluster: Cluster, deployment: str, port: int) -> Iterator[str]:
    """The base URL of a TLS port of one of the Deployment's pods."""
    local = free_port()
    command = [
        "kubectl",
        "--namespace",
        cluster.namespace,
        "port-forward",
        f"deployment/{deployment}",
        f"{local}:{port}",
    ]
    forward = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: _connect(local))
        yield f"https://127.0.0.1:{local}"
    finally:
        forward.terminate()
        forward.wait()


def _connect(port: int) -> None:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError as error:
        raise AssertionError(str(error)) from error
