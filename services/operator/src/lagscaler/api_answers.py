"""The metrics APIs' answers as Kubernetes writes them (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from lagscaler.resources import METRIC, SELECTOR_LABEL, Identity
from lagscaler.spec import GROUP, KIND, PLURAL, VERSION

Json = dict[str, Any]

EXTERNAL = "external.metrics.k8s.io"
CUSTOM = "custom.metrics.k8s.io"
VERSIONS: Mapping[str, Sequence[str]] = {EXTERNAL: ("v1beta1",), CUSTOM: ("v1beta2", "v1beta1")}
# The object's resource as the custom metrics API writes it in its paths.
OBJECTS = f"{PLURAL}.{GROUP}"

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    500: "InternalError",
    503: "ServiceUnavailable",
}


def status(code: int, message: str) -> Json:
    """An error."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": _REASONS[code],
        "code": code,
    }


def groups() -> Json:
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name) for name in VERSIONS]}


def group(name: str) -> Json:
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name)}


def _group(name: str) -> Json:
    versions = [{"groupVersion": f"{name}/{version}", "version": version} for version in VERSIONS[name]]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def resources(group: str, version: str) -> Json:
    """The discovery of one version."""
    external = group == EXTERNAL
    found = {
        "name": METRIC if external else f"{OBJECTS}/{METRIC}",
        "singularName": "",
        "namespaced": True,
        "kind": "ExternalMetricValueList" if external else "MetricValueList",
        "verbs": ["get"],
    }
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{group}/{version}", "resources": [found]}


def external_values(numbers: Mapping[Identity, int], timestamp: str) -> Json:
    items = [
        {
            "metricName": METRIC,
            "metricLabels": {SELECTOR_LABEL: identity.name},
            "timestamp": timestamp,
            "value": str(desired),
        }
        for identity, desired in numbers.items()
    ]
    return {
        "kind": "ExternalMetricValueList",
        "apiVersion": f"{EXTERNAL}/{VERSIONS[EXTERNAL][0]}",
        "metadata": {},
        "items": items,
    }


def object_values(version: str, numbers: Mapping[Identity, int], timestamp: str) -> Json:
    metric: Json = {"metricName": METRIC} if version == "v1beta1" else {"metric": {"name": METRIC, "selector": None}}
    items = [
        {"describedObject": _described(identity), **metric, "timestamp": timestamp, "value": str(desired)}
        for identity, desired in numbers.items()
    ]
    return {"kind": "MetricValueList", "apiVersion": f"{CUSTOM}/{version}", "metadata": {}, "items": items}


def _described(identity: Identity) -> Json:
    return {
        "kind": KIND,
        "namespace": identity.namespace,
        "name": identity.name,
        "apiVersion": f"{GROUP}/{VERSION}",
    }


def selected(selector: str) -> frozenset[str] | None:
    """The names that a label selector means; None for all. Raises ValueError for one that says anything else."""
    if not selector.strip():
        return None
    names: frozenset[str] | None = None
    for part in re.split(r",(?![^(]*\))", selector):
        match = re.fullmatch(rf"\s*{SELECTOR_LABEL}\s*(?:==?\s*([\w.-]+)|in\s*\(([\w.,\s-]+)\))\s*", part)
        if not match:
            raise ValueError(f"the selector must be {SELECTOR_LABEL}=NAME or {SELECTOR_LABEL} in (NAME,…)")
        found = frozenset([match[1]] if match[1] else [name.strip() for name in match[2].split(",")])
        names = found if names is None else names & found
    return names
