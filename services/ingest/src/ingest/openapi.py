"""The description of ingest's API."""

import json
from typing import Any

from adclicks.click import NAME_LENGTH_MAX
from adclicks.http.openapi import Json, answer, errors
from adclicks.http.openapi import document as whole_document
from ingest.batch import EVENTS_MAX
from ingest.clicks import NDJSON

EXAMPLE = {
    "clickId": "5dbb7845-5133-4d7e-bfc4-30ea7fe38f1f",
    "ad_id": "44bb7845-5133-4d7e-bfc4-30747fe38f1d",
    "name": "mc donalds",
    "ip": "127.0.0.1",
    "timestamp": "2025-09-06T00:37:45.123Z",
}
_CLICK_IDS = ("5dbb7845-5133-4d7e-bfc4-30ea7fe38f1f", "6dbb7845-5133-4d7e-bfc4-30ea7fe38f1f")
_DESCRIPTION = """Takes clicks and answers 202 only when Kafka has acknowledged them. An answer of 503, or none at all,
means "maybe stored": send the click again with the same clickId; each clickId counts once."""

CLICK: Json = {
    "type": "object",
    "required": ["clickId", "ad_id", "name", "ip", "timestamp"],
    "properties": {
        "clickId": {"type": "string", "format": "uuid", "description": "Counts once, however often it is sent."},
        "ad_id": {"type": "string", "format": "uuid"},
        "name": {
            "type": "string",
            "minLength": 1,
            "maxLength": NAME_LENGTH_MAX,
            "pattern": r"^[^\x00-\x1f\x7f-\x9f]*$",
            "description": "The ad's name; without control characters.",
        },
        "ip": {
            "type": "string",
            "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}],
            "description": "An IPv4 or IPv6 address.",
        },
        "timestamp": {
            "type": "string",
            "format": "date-time",
            "description": "RFC 3339 with an offset, at most 24 hours ahead.",
        },
    },
    "examples": [EXAMPLE],
}
_ACCEPTED: Json = {
    "type": "object",
    "required": ["data"],
    "properties": {
        "data": {
            "type": "object",
            "required": ["accepted", "rejected", "details"],
            "properties": {
                "accepted": {"type": "integer"},
                "rejected": {"type": "integer"},
                "details": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["index", "field", "error"],
                        "properties": {
                            "index": {"type": "integer", "description": "The event's place in the body, from 0."},
                            "field": {"type": "string"},
                            "error": {"type": "string"},
                        },
                    },
                },
            },
        }
    },
}
_RECEIVED: Json = {
    "type": "object",
    "required": ["data"],
    "properties": {"data": {"const": "click event received"}},
}


def document() -> dict[str, Any]:
    """The OpenAPI document."""
    click = {"$ref": "#/components/schemas/Click"}
    refused = errors(400, 413, 415, 503)
    clicks: Json = {"type": "array", "minItems": 1, "maxItems": EVENTS_MAX, "items": click}
    # As a string: OpenAPI 3.1 has no schema for the items of a sequence, and generators take 3.2's for nothing.
    lines: Json = {
        "type": "string",
        "description": f"NDJSON: 1 to {EVENTS_MAX} lines, each a Click as JSON without line breaks; at most 1 MiB.",
        "examples": ["\n".join(json.dumps({**EXAMPLE, "clickId": click_id}) for click_id in _CLICK_IDS) + "\n"],
    }
    paths = {
        "/ads/click": {
            "post": {
                "operationId": "sendClick",
                "summary": "Send a click",
                "tags": ["clicks"],
                "requestBody": {"required": True, "content": {"application/json": {"schema": click}}},
                "responses": {**answer("Kafka has the click.", _RECEIVED, 202), **refused},
            }
        },
        "/ads/clicks": {
            "post": {
                "operationId": "sendClicks",
                "summary": f"Send up to {EVENTS_MAX} clicks",
                "description": "At most 1 MiB, gzip or not. Valid clicks are taken, the others listed.",
                "tags": ["clicks"],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": clicks}, NDJSON[0]: {"schema": lines}},
                },
                "responses": {**answer("Kafka has all the accepted clicks.", _ACCEPTED, 202), **refused},
            }
        },
    }
    return whole_document("Ads Click Tracking: ingest", _DESCRIPTION, paths, {"Click": CLICK})
