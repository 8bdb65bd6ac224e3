"""How the API server is reached: a pod's service account, or a kubeconfig outside of a cluster."""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lagscaler.certificates import load_pair

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class NoClusterError(Exception):
    """There is neither a service account nor a kubeconfig that can be used."""


@dataclass(frozen=True)
class Connection:
    """The API server and our credentials. A service account's token is rotated, so it is a file to read again."""

    server: str
    ca: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = None
    token_file: Path | None = None
    fixed_token: str | None = None

    def token(self) -> str | None:
        """The token as it is now."""
        return self.token_file.read_text().strip() if self.token_file else self.fixed_token

    def ssl_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.ca.decode() if self.ca else None)
        # Python 3.13 refuses CAs without key identifiers, and many clusters have one.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if self.certificate and self.key:
            load_pair(context, self.certificate, self.key)
        return context


def connection(environ: Mapping[str, str] = os.environ, account: Path = SERVICE_ACCOUNT) -> Connection:
    """A pod's own, else that of KUBECONFIG's current context. Raises `NoClusterError`."""
    host = environ.get("KUBERNETES_SERVICE_HOST")
    if host and (account / "token").exists():
        address = f"[{host}]" if ":" in host else host
        server = f"https://{address}:{environ.get('KUBERNETES_SERVICE_PORT', '443')}"
        return Connection(server, (account / "ca.crt").read_bytes(), token_file=account / "token")
    path = Path(environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    try:
        return _from_kubeconfig(yaml.safe_load(path.read_text()), path.parent)
    except (OSError, yaml.YAMLError, KeyError, StopIteration, TypeError) as error:
        raise NoClusterError(f"there is no service account, and the kubeconfig {path} can't be used") from error


def _from_kubeconfig(config: dict[str, Any], folder: Path) -> Connection:
    context = _named(config["contexts"], config["current-context"])["context"]
    cluster = _named(config["clusters"], context["cluster"])["cluster"]
    user = _named(config["users"], context["user"])["user"]
    return Connection(
        server=cluster["server"],
        ca=_bytes(cluster, "certificate-authority", folder),
        certificate=_bytes(user, "client-certificate", folder),
        key=_bytes(user, "client-key", folder),
        token_file=folder / user["tokenFile"] if "tokenFile" in user else None,
        fixed_token=user.get("token"),
    )


def _named(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(item for item in items if item["name"] == name)


def _bytes(found: Mapping[str, str], field: str, folder: Path) -> bytes | None:
    if f"{field}-data" in found:
        return base64.b64decode(found[f"{field}-data"])
    return (folder / found[field]).read_bytes() if field in found else None
