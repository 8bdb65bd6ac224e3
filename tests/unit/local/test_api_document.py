"""The gateway's API description is both services' in one."""

import msgspec
import pytest

from analytics.openapi import document as analytics_document
from ingest.openapi import document
from localstack.api_document import merge

ANALYTICS = {
    "openapi": "3.1.0",
    "info": {"title": "analytics", "version": "1.0.0", "description": "Counts."},
    "paths": {
        "/ads": {"get": {"operationId": "listAds"}},
        "/metrics": {"get": {"operationId": "getMetrics", "summary": "of analytics"}},
    },
    "components": {"schemas": {"Ad": {"type": "object"}}},
}


def test_each_path_leads_where_the_gateway_sends_it() -> None:
    """Clicks and ads at the root; what both have is analytics', and ingest's under its prefix."""
    whole = msgspec.json.decode(merge(document(), msgspec.json.encode(ANALYTICS), "/ingest"))
    assert {"/ads", "/ads/click", "/ads/clicks", "/metrics", "/ingest/metrics"} <= whole["paths"].keys()
    assert whole["paths"]["/metrics"]["get"]["summary"] == "of analytics"
    assert {"Ad", "Click", "Error"} <= whole["components"]["schemas"].keys()


def test_each_operation_has_an_id_of_its_own() -> None:
    """Generators make a function of each; two of one name are an error to them."""
    whole = msgspec.json.decode(merge(document(), msgspec.json.encode(analytics_document()), "/ingest"))
    operations = [
        operation["operationId"]
        for item in whole["paths"].values()
        for method, operation in item.items()
        if method != "parameters"
    ]
    assert len(operations) == len(set(operations)) > 20
    assert {"sendClick", "listTotals", "getMetrics", "ingestGetMetrics"} <= set(operations)


def test_two_meanings_of_one_schema_are_an_error() -> None:
    """Silence would describe one of the services wrongly."""
    other = {**ANALYTICS, "components": {"schemas": {"Click": {"type": "string"}}}}
    with pytest.raises(ValueError, match="Click"):
        merge(document(), msgspec.json.encode(other), "/ingest")
