"""The Event that tells people of a change of Ready (pure)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from lagscaler.conditions import READY, Json, timestamp
from lagscaler.resources import MANAGER, Identity
from lagscaler.spec import GROUP, KIND, VERSION

_LONGEST_MESSAGE = 1024


def event(
    identity: Identity, before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]], now: datetime
) -> Json | None:
    """None unless Ready became good, became bad, or is bad for another reason."""
    old, new = _ready(before), _ready(after)
    if new is None or new["status"] == "Unknown" or _gist(old) == _gist(new):
        return None
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{identity.name}.{secrets.token_hex(8)}", "namespace": identity.namespace},
        "involvedObject": {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": KIND,
            "namespace": identity.namespace,
            "name": identity.name,
            "uid": identity.uid,
        },
        "type": "Normal" if new["status"] == "True" else "Warning",
        "reason": new["reason"],
        "message": (new["message"] or "ready")[:_LONGEST_MESSAGE],
        "source": {"component": MANAGER},
        "reportingComponent": MANAGER,
        "firstTimestamp": timestamp(now),
        "lastTimestamp": timestamp(now),
        "count": 1,
    }


def _ready(conditions: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return next((condition for condition in conditions if condition.get("type") == READY), None)


def _gist(ready: Mapping[str, Any] | None) -> tuple[str, str] | None:
    """While it is good, the reason is the policy's, which changes all day."""
    if ready is None:
        return None
    return (ready["status"], "" if ready["status"] == "True" else ready["reason"])
