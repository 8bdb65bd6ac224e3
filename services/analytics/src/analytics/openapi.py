"""The description of the API of analytics."""

from typing import Any

from adclicks.click import NAME_LENGTH_MAX
from adclicks.http.openapi import Json, answer, errors
from adclicks.http.openapi import document as whole_document
from analytics import schemas
from analytics.answers import PAGE_MAX
from analytics.bodies import MEDIA_LENGTH_MAX, MEDIA_PATTERN
from analytics.buckets import BUCKETS_MAX, STEPS
from analytics.live_totals import POSTGRESQL, REDIS
from analytics.reports import TOP_DEFAULT, TOP_MAX
from analytics.totals import SOURCE_HEADER

_DESCRIPTION = """Counts of ad clicks, each click id once, and the ads and campaigns that they belong to.

A range is **exact to the microsecond: `start` is inclusive, `end` is exclusive**. Both are RFC 3339 with an offset; a click
belongs where its own timestamp lies. The sums by minute, hour, day and month are kept for ever. Single clicks are kept for a
limited time; for older ranges, `start` and `end` have to be full minutes, and the answer says so (400)."""
# Those that the first steps of README.md click and `make run` registers.
_EXAMPLES = {
    "ad_id": "44bb7845-5133-4d7e-bfc4-30747fe38f1d",
    "campaign_id": "c0000001-5133-4d7e-bfc4-30747fe38f1d",
}


def _parameter(name: str, description: str, schema: Json, **more: Any) -> Json:
    return {"name": name, "in": "query", "description": description, "schema": schema, **more}


def _path_id(name: str) -> Json:
    schema: Json = {"type": "string", "format": "uuid"}
    return {"name": name, "in": "path", "required": True, "schema": schema, "example": _EXAMPLES[name]}


_INSTANT: Json = {"type": "string", "format": "date-time"}
_RANGE: list[Json] = [
    _parameter("start", "Inclusive.", _INSTANT, required=True, example="2025-09-05T10:00:00Z"),
    _parameter("end", "Exclusive.", _INSTANT, required=True, example="2025-09-06T10:05:00Z"),
]
_NEXT_PAGE: Json = {"schema": {"type": "string"}, "description": "The next page, where there is one."}
_TOTALS_PAGE: list[Json] = [
    _parameter(
        "limit",
        f"Answers a page of at most that many ads instead of all of them. At most {PAGE_MAX}.",
        {"type": "integer", "minimum": 1, "maximum": PAGE_MAX},
    ),
    _parameter("cursor", "The id of the last ad of the page before.", {"type": "string", "format": "uuid"}),
]
_PAGE: list[Json] = [
    _parameter("limit", "How many.", {"type": "integer", "minimum": 1, "maximum": PAGE_MAX, "default": PAGE_MAX}),
    _parameter("after", "The id of the last one of the page before.", {"type": "string", "format": "uuid"}),
]


def _operation(name: str, tag: str, summary: str, responses: Json, *statuses: int, **more: Any) -> Json:
    answers = {**responses, **errors(*statuses, 503)}
    return {"operationId": name, "tags": [tag], "summary": summary, "responses": answers, **more}


def _body(name: str) -> Json:
    return {"required": True, "content": {"application/json": {"schema": schemas.reference(name)}}}


def _kind(tag: str, name: str, path_id: str) -> Json:
    """The paths by which objects of a kind are listed, made and changed; ``name`` is its schema's."""
    one, many = schemas.data(schemas.reference(name)), schemas.data(schemas.list_of(schemas.reference(name)))
    word = name.lower()
    article = "an" if word[0] in "aeiou" else "a"
    there = answer(f"The same {word} was there already.", one)
    made = answer(f"The {word} was created.", one, 201)
    made["201"]["headers"] = there["200"]["headers"] = {
        "Location": {"required": True, "schema": {"type": "string"}, "description": f"The path of the {word}."}
    }
    page = answer(f"All {tag}, the oldest first, or a page of them; at most {PAGE_MAX}.", many)
    page["200"]["headers"] = {"Link": _NEXT_PAGE}
    idempotent = f"With an id of your own, the request may be sent again: the same {word} again is no error."
    described = f"{name}Description"
    return {
        f"/{tag}": {
            "get": _operation(f"list{name}s", tag, f"List {tag}", page, 400, 404, parameters=_PAGE),
            "post": _operation(
                f"create{name}",
                tag,
                f"Register {article} {word}",
                {**made, **there},
                *(400, 409, 413, 415),
                requestBody=_body(described),
                description=idempotent,
            ),
        },
        f"/{tag}/{{{path_id}}}": {
            "parameters": [_path_id(path_id)],
            "get": _operation(f"get{name}", tag, f"Get {article} {word}", answer(f"The {word}.", one), 400, 404),
            "put": _operation(
                f"replace{name}",
                tag,
                f"Replace {article} {word}",
                answer(f"The {word} as it is now.", one),
                *(400, 404, 409, 413, 415),
                requestBody=_body(described),
            ),
        },
    }


def _reports() -> Json:
    totals = answer(
        "Every ad that is registered or was clicked, the most clicked first; or a page of them, in the order of their ids.",
        schemas.data(schemas.TOTALS),
    )
    source: Json = {
        "schema": {"enum": [REDIS, POSTGRESQL]},
        "description": "Where the totals came from.",
        "required": True,
    }
    tag: Json = {"schema": {"type": "string"}, "description": "Of the whole list; send it back as If-None-Match."}
    totals["200"]["headers"] = {SOURCE_HEADER: source, "ETag": tag, "Link": _NEXT_PAGE}
    totals["304"] = {"description": "The list is the one that If-None-Match names."}
    step = _parameter("step", "UTC buckets.", {"enum": list(STEPS), "type": "string"}, required=True, example="hour")
    limit: Json = {"type": "integer", "minimum": 1, "maximum": TOP_MAX, "default": TOP_DEFAULT}
    whole = f"Empty buckets too, at most {BUCKETS_MAX}. A bucket that the range cuts counts what lies in the range."
    ad = [_path_id("ad_id")]

    def report(name: str, summary: str, schema: Json, parameters: list[Json], *statuses: int, **more: Any) -> Json:
        found = answer(summary, schemas.data(schema))
        return {"get": _operation(name, "analytics", summary, found, 400, *statuses, parameters=parameters, **more)}

    return {
        "/ads/analytics": {
            "get": _operation(
                "listTotals", "analytics", "Total clicks of every ad", totals, 400, parameters=_TOTALS_PAGE
            )
        },
        "/ads/{ad_id}/analytics": report("getAdClicks", "Clicks of an ad in a range", schemas.AD_COUNT, ad + _RANGE),
        "/ads/{ad_id}/timeseries": report(
            "getAdTimeseries",
            "Clicks of an ad by minute, hour or day",
            schemas.SERIES,
            [*ad, *_RANGE, step],
            description=whole,
        ),
        "/ads/top": report(
            "listTopAds",
            "Ads with the most clicks in a range",
            schemas.TOP,
            [*_RANGE, _parameter("limit", "How many.", limit)],
        ),
        "/campaigns/{campaign_id}/analytics": report(
            "getCampaignClicks",
            "Clicks of a campaign in a range, in total and by ad",
            schemas.CAMPAIGN_COUNT,
            [_path_id("campaign_id"), *_RANGE],
            404,
        ),
    }


def document() -> dict[str, Any]:
    """The OpenAPI document."""
    audit = answer("The ledger of each partition and of all.", schemas.data(schemas.AUDIT))
    paths = {
        **_reports(),
        **_kind("ads", "Ad", "ad_id"),
        **_kind("campaigns", "Campaign", "campaign_id"),
        "/audit": {
            "get": _operation(
                "getAudit",
                "operations",
                "Audit: what became of every record",
                audit,
                description="Every consumed record is a stored click, a duplicate, or a rejected record.",
            )
        },
    }
    kinds = schemas.kinds(NAME_LENGTH_MAX, MEDIA_LENGTH_MAX, MEDIA_PATTERN)
    return whole_document("Ads Click Tracking: analytics", _DESCRIPTION, paths, kinds)
