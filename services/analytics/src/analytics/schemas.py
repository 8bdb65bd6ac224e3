"""The JSON schemas of what analytics takes and answers."""

from adclicks.audit import PartitionAudit, Totals
from adclicks.http.openapi import Json
from analytics.buckets import BUCKETS_MAX, STEPS

_ID: Json = {"type": "string", "format": "uuid"}
_INSTANT: Json = {"type": "string", "format": "date-time"}
_ASKED: Json = {"type": "string", "description": "As asked."}
_CLICKS: Json = {"type": "integer", "minimum": 0}
_TEXT: Json = {"type": "string"}
_NO_CONTROL_CHARACTERS = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"


def reference(name: str) -> Json:
    """A schema of ``kinds``, by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def list_of(item: Json, **more: int) -> Json:
    """An array."""
    return {"type": "array", "items": item, **more}


def closed(**properties: Json) -> Json:
    """An object with these properties, all of them, and no others."""
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }


def data(schema: Json) -> Json:
    """The object that every answer is."""
    return closed(data=schema)


TOTALS = list_of(
    closed(ad_id=_ID, name=_TEXT, total_clicks={"type": "string", "pattern": "^[0-9]+$", "examples": ["2"]})
)
AD_COUNT = closed(ad_id=_ID, totalclicks=_CLICKS, start=_ASKED, end=_ASKED)
_NAMED_COUNTS = list_of(closed(ad_id=_ID, name=_TEXT, totalclicks=_CLICKS))
CAMPAIGN_COUNT = closed(campaign_id=_ID, totalclicks=_CLICKS, start=_ASKED, end=_ASKED, ads=_NAMED_COUNTS)
TOP = closed(start=_ASKED, end=_ASKED, ads=_NAMED_COUNTS)
SERIES = closed(
    ad_id=_ID,
    step={"enum": list(STEPS)},
    start=_ASKED,
    end=_ASKED,
    buckets=list_of(closed(start=_INSTANT, clicks=_CLICKS), maxItems=BUCKETS_MAX),
)


def _audit_fields(fields: tuple[str, ...]) -> dict[str, Json]:
    lag: Json = {
        "type": ["integer", "null"],
        "description": "What is still to be consumed; null: Kafka can't be asked.",
    }
    known: dict[str, Json] = {"addsUp": {"type": "boolean"}, "topic": _TEXT, "topicId": _TEXT, "lag": lag}
    return {field: known.get(field, {"type": "integer"}) for field in fields}


AUDIT = closed(
    addsUp={"type": "boolean", "description": "consumed = stored + duplicates + rejected, and all counters agree."},
    total=closed(**_audit_fields(Totals.__struct_encode_fields__)),
    partitions=list_of(closed(**_audit_fields(PartitionAudit.__struct_encode_fields__))),
)


def kinds(name_length_max: int, media_length_max: int, media_pattern: str) -> dict[str, Json]:
    """Ads and campaigns, as they are described by their owners and as they are kept."""
    name: Json = {"type": "string", "minLength": 1, "maxLength": name_length_max, "pattern": _NO_CONTROL_CHARACTERS}
    media: Json = {
        "type": ["string", "null"],
        "minLength": 1,
        "maxLength": media_length_max,
        "pattern": _NO_CONTROL_CHARACTERS,
    }
    described_media: Json = {
        **media,
        "pattern": media_pattern,
        "description": "An absolute URL that begins with http:// or https://.",
    }
    own_id: Json = {**_ID, "type": ["string", "null"], "description": "Chosen by the server where it is left out."}
    campaign: Json = {**_ID, "type": ["string", "null"]}
    described_ad = {"id": own_id, "name": name, "campaignId": campaign, "media": described_media}
    described_campaign = {"id": own_id, "name": name}
    return {
        "Ad": closed(id=_ID, name=name, campaignId=campaign, media=media, createdAt=_INSTANT),
        "Campaign": closed(id=_ID, name=name, createdAt=_INSTANT),
        "AdDescription": {
            "type": "object",
            "required": ["name"],
            "properties": described_ad,
            "examples": [{"name": "mc donalds", "media": "https://example.com/burger.png"}],
        },
        "CampaignDescription": {
            "type": "object",
            "required": ["name"],
            "properties": described_campaign,
            "examples": [{"name": "autumn"}],
        },
    }
