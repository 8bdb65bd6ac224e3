"""One OpenAPI document of two."""

import msgspec

from adclicks.http.openapi import Json

TITLE = "Ads Click Tracking"


def merge(ingest: Json, analytics: bytes, ingest_prefix: str) -> bytes:
    """The paths and schemas of both, as JSON. What both have (health, metrics) is ingest's under ``ingest_prefix``.

    Raises ``ValueError`` when they mean different things by the same schema's name.
    """
    whole: Json = msgspec.json.decode(analytics)
    paths = dict(whole["paths"])
    for path, item in ingest["paths"].items():
        if path in paths:
            paths[f"{ingest_prefix}{path}"] = _renamed(item)
        else:
            paths[path] = item
    schemas = {**ingest["components"]["schemas"], **whole["components"]["schemas"]}
    differing = [name for name, schema in ingest["components"]["schemas"].items() if schemas[name] != schema]
    if differing:
        raise ValueError(f"the services' documents differ in the schemas {differing}")
    descriptions = [part["info"].get("description", "") for part in (ingest, whole)]
    info = {**whole["info"], "title": TITLE, "description": "\n\n".join(text for text in descriptions if text)}
    return msgspec.json.encode({**whole, "info": info, "paths": paths, "components": {"schemas": schemas}})


def _renamed(item: Json) -> Json:
    """With ids of their own: generators make functions of the ids, and each may be there once."""

    def rename(operation: Json) -> Json:
        name: str = operation["operationId"]
        return {**operation, "operationId": f"ingest{name[0].upper()}{name[1:]}"}

    return {method: rename(operation) for method, operation in item.items()}
