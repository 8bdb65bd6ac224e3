"""The parts of an OpenAPI 3.1 document that the services share."""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

ERROR_SCHEMA: Json = {
    "type": "object",
    "required": ["errors"],
    "properties": {
        "errors": {
            "type": "object",
            "required": ["code", "message", "details", "timestamp"],
            "properties": {
                "code": {"type": "string", "examples": ["BAD_REQUEST"]},
                "message": {"type": "string"},
                "details": {
                    "type": "array",
                    "description": "Every invalid field.",
                    "items": {
                        "type": "object",
                        "required": ["field", "error"],
                        "properties": {"field": {"type": "string"}, "error": {"type": "string"}},
                    },
                },
                "timestamp": {"type": "string", "format": "date-time"},
            },
        }
    },
}
_DESCRIPTIONS = {
    400: "The request is malformed or has invalid fields; all of them are listed.",
    404: "Not found.",
    405: "The path does not support the method.",
    409: "The request contradicts what is stored.",
    413: "The body is too large.",
    415: "The media type or the encoding of the body is not supported.",
    500: "Internal error.",
    503: "Temporarily unavailable: send the request again after Retry-After seconds.",
}


def errors(*statuses: int) -> Json:
    """The ``responses`` of an operation for its error statuses."""
    return {str(status): _error(status) for status in statuses}


def _error(status: int) -> Json:
    answer: Json = {
        "description": _DESCRIPTIONS[status],
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    if status == 503:
        answer["headers"] = {"Retry-After": {"schema": {"type": "string"}, "description": "seconds"}}
    return answer


def answer(description: str, schema: Json, status: int = 200) -> Json:
    """A JSON answer."""
    return {str(status): {"description": description, "content": {"application/json": {"schema": schema}}}}


def operations() -> Json:
    """The paths of ``operations.add_routes``."""

    def get(name: str, summary: str, media_type: str, schema: Json, *statuses: int) -> Json:
        ok = {"200": {"description": summary, "content": {media_type: {"schema": schema}}}}
        responses = {**ok, **errors(*statuses)}
        return {"get": {"operationId": name, "summary": summary, "tags": ["operations"], "responses": responses}}

    status = {"type": "object", "properties": {"status": {"const": "ok"}}, "required": ["status"]}
    return {
        "/healthz/live": get(
            "getLiveness", "Liveness: restart the process if it fails", "application/json", status, 503
        ),
        "/healthz/ready": get(
            "getReadiness", "Readiness: send traffic while it passes", "application/json", status, 503
        ),
        "/metrics": get("getMetrics", "Prometheus metrics", "text/plain", {"type": "string"}),
        "/openapi.json": get("getOpenapi", "OpenAPI description", "application/json", {"type": "object"}),
        "/docs": get("getDocs", "API reference as a page", "text/html", {"type": "string"}),
    }


def document(title: str, description: str, paths: Mapping[str, Any], schemas: Mapping[str, Any]) -> Json:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1.0.0", "description": description, "license": {"name": "MIT"}},
        "servers": [
            {"url": "/", "description": "The server that this description was read from."},
            {"url": "http://localhost:8080", "description": "The local installation that `make run` starts."},
        ],
        "paths": {**paths, **operations()},
        "components": {"schemas": {"Error": ERROR_SCHEMA, **schemas}},
    }
