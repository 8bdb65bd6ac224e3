"""What the operator is told by its environment."""

from __future__ import annotations

import re
from dataclasses import dataclass

from adclicks.settings import LogSettings, number, one_of, readable_file, setting, text, whole


def names(value: str) -> tuple[str, ...]:
    """Kubernetes names, with commas."""
    found = tuple(part.strip() for part in value.split(",") if part.strip())
    if not all(re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", part) for part in found):
        raise ValueError("be names of Kubernetes, with commas between")
    return found


@dataclass(frozen=True)
class ServingSettings:
    """The metrics APIs' address and certificate."""

    port: int = setting("METRICS_API_PORT", "the metrics APIs, over TLS", whole(1, 65535), 8443)
    service: str = setting(
        "SERVING_SERVICE", "the Service in front of both ports; the certificate has its names", text, "lagscaler"
    )
    secret: str = setting(
        "SERVING_SECRET",
        "the Secret in POD_NAMESPACE that keeps the certificate; made if missing",
        text,
        "lagscaler-serving",
    )
    cert_days: float = setting(
        "SERVING_CERT_DAYS",
        "how long a certificate of ours is valid; it is renewed after two thirds",
        number(0.0001, 3650),
        90.0,
    )
    cert_file: str | None = setting(
        "SERVING_CERT_FILE", "a mounted certificate (cert-manager) instead of one of ours; watched", readable_file, None
    )
    key_file: str | None = setting("SERVING_KEY_FILE", "its private key", readable_file, None)
    api_services: tuple[str, ...] = setting(
        "SERVING_API_SERVICES",
        "APIServices whose caBundle is kept, with commas: v1beta1.external.metrics.k8s.io,…",
        names,
        (),
    )

    def problems(self) -> list[str]:
        """Combinations that can't work."""
        found = []
        if bool(self.cert_file) != bool(self.key_file):
            found.append("SERVING_CERT_FILE and SERVING_KEY_FILE must be set together")
        if self.cert_file and self.api_services:
            found.append(
                "SERVING_API_SERVICES must be empty with SERVING_CERT_FILE: whoever mounts it keeps the caBundle"
            )
        return found


@dataclass(frozen=True)
class OperatorSettings:
    """All settings of the operator."""

    serving: ServingSettings
    log: LogSettings
    pod_namespace: str = setting("POD_NAMESPACE", "the operator's own namespace", text)
    mode: str = setting(
        "LAGSCALER_MODE", "operator, or values: one LagAutoscaler from a file", one_of("operator", "values"), "operator"
    )
    spec_file: str | None = setting(
        "LAGSCALER_SPEC_FILE", "the LagAutoscaler of the mode values, YAML", readable_file, None
    )
    watch_namespaces: tuple[str, ...] = setting(
        "WATCH_NAMESPACES", "namespaces to look after, with commas; empty: all", names, ()
    )
    port: int = setting("PORT", "plain HTTP: health, metrics, the number for KEDA", whole(1, 65535), 8080)
    address: str = setting("LISTEN_ADDRESS", "the local address to listen on; 0.0.0.0 is all of them", text, "0.0.0.0")  # noqa: S104 the API server comes from outside the container
    keda_url: str | None = setting(
        "KEDA_URL",
        "the base URL at which KEDA reaches PORT; empty: http://SERVING_SERVICE.POD_NAMESPACE.svc:PORT",
        text,
        None,
    )
    look_seconds: float = setting("LOOK_SECONDS", "how often Kafka is asked", number(1, 60), 5.0)
    resync_seconds: float = setting(
        "RESYNC_SECONDS",
        "how often owned objects are compared with what they should be, besides at their events",
        number(1, 3600),
        30.0,
    )

    def problems(self) -> list[str]:
        """Combinations that can't work."""
        if self.mode == "values" and not self.spec_file:
            return ["LAGSCALER_SPEC_FILE must be set for the mode values"]
        return []

    @property
    def url_for_keda(self) -> str:
        """Where KEDA finds the number."""
        return (self.keda_url or f"http://{self.serving.service}.{self.pod_namespace}.svc:{self.port}").rstrip("/")
