"""Clicks to send."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

Json = dict[str, Any]

# The documented example, as it stands.
EXAMPLE: Json = {
    "clickId": "5dbb7845-5133-4d7e-bfc4-30ea7fe38f1f",
    "ad_id": "44bb7845-5133-4d7e-bfc4-30747fe38f1d",
    "name": "mc donalds",
    "ip": "127.0.0.1",
    "timestamp": "2025-09-06T00:37:45.123Z",
}


def new_click(**fields: object) -> Json:
    """A valid click with an id of its own; ``fields`` replace what is there."""
    return {**EXAMPLE, "clickId": str(uuid4()), "timestamp": datetime.now(UTC).isoformat(), **fields}


def encode(click: object) -> bytes:
    """As a request's body, or a Kafka record's value."""
    return json.dumps(click).encode()
