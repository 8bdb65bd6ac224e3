"""Ads and campaigns can be registered, changed and listed, and what is wrong with a request is said at once."""

import gzip
import json
from typing import Any
from uuid import uuid4

import pytest

from testbed.http import JSON, Answer, Client
from testbed.installation import Installation
from testbed.polling import eventually
from testbed.services import Service

# An ad or campaign that nobody has made.
UNKNOWN = "0b0c6b1e-9f63-4d1b-8c53-5a0d1c6e7f80"


def send(api: Client, method: str, path: str, document: object) -> Answer:
    """A JSON body."""
    return api.call(method, path, json.dumps(document).encode())


def test_an_ad_is_found_as_it_was_registered(api: Client) -> None:
    """At its own path, where Location points, and in the list."""
    campaign = send(api, "POST", "/campaigns", {"name": "autumn"}).json["data"]
    asked = {"name": "mc donalds", "campaignId": campaign["id"], "media": "https://example.com/burger.png"}
    made = send(api, "POST", "/ads", asked)
    assert made.status == 201
    ad = made.json["data"]
    assert {key: ad[key] for key in asked} == asked
    assert set(ad) == {"id", "name", "campaignId", "media", "createdAt"}
    assert api.get(made.headers["Location"]).json == {"data": ad}
    assert ad in api.get("/ads").json["data"]
    assert api.get(f"/campaigns/{campaign['id']}").json == {"data": campaign}
    assert campaign in api.get("/campaigns").json["data"]


@pytest.mark.parametrize("kind", ["ads", "campaigns"])
def test_a_registration_may_be_sent_again_and_not_be_contradicted(api: Client, kind: str) -> None:
    """With the caller's own id: 201, then 200 with the same answer, then 409 that names what differs."""
    asked = {"id": str(uuid4()), "name": "once"}
    first, second = (send(api, "POST", f"/{kind}", asked) for _ in range(2))
    assert (first.status, second.status) == (201, 200)
    assert first.json == second.json
    other = send(api, "POST", f"/{kind}", {**asked, "name": "twice"})
    assert (other.status, other.error["code"], other.invalid_fields) == (409, "CONFLICT", ["name"])


@pytest.mark.parametrize("kind", ["ads", "campaigns"])
def test_put_replaces_what_is_there_and_makes_nothing(api: Client, kind: str) -> None:
    """What GET answered can be sent back, changed; an id that is unknown is 404, another id in the body 409."""
    there = send(api, "POST", f"/{kind}", {"name": "before"}).json["data"]
    changed = {**there, "name": "after"}
    assert send(api, "PUT", f"/{kind}/{there['id']}", changed).json == {"data": changed}
    assert api.get(f"/{kind}/{there['id']}").json == {"data": changed}
    assert send(api, "PUT", f"/{kind}/{uuid4()}", {"name": "x"}).status == 404
    wrong = send(api, "PUT", f"/{kind}/{there['id']}", {**there, "id": str(uuid4())})
    assert (wrong.status, wrong.invalid_fields) == (409, ["id"])


def test_an_ad_of_a_campaign_that_is_not_there_is_a_conflict(api: Client) -> None:
    """POST and PUT; nothing is written."""
    there = send(api, "POST", "/ads", {"name": "x"}).json["data"]
    for answer in (
        send(api, "POST", "/ads", {"name": "x", "campaignId": str(uuid4())}),
        send(api, "PUT", f"/ads/{there['id']}", {"name": "y", "campaignId": str(uuid4())}),
    ):
        assert (answer.status, answer.invalid_fields) == (409, ["campaignId"])
    assert api.get(f"/ads/{there['id']}").json == {"data": there}


@pytest.mark.parametrize("kind", ["ads", "campaigns"])
def test_a_long_list_is_read_page_by_page(api: Client, kind: str) -> None:
    """Following the Link headers gives everything once, in the order of creation."""
    for number in range(5):
        send(api, "POST", f"/{kind}", {"name": f"page {number}"})
    everything = api.get(f"/{kind}").json["data"]
    found: list[dict[str, Any]] = []
    path: str | None = f"/{kind}?limit=2"
    while path:
        answer = api.get(path)
        found += answer.json["data"]
        link = answer.headers["Link"]
        path = link[link.index("<") + 1 : link.index(">")] if link else None
    assert found == everything
    assert [item["name"] for item in everything][-5:] == [f"page {number}" for number in range(5)]
    wrong = api.get(f"/{kind}?limit=0&after={uuid4()}x")
    assert (wrong.status, wrong.invalid_fields) == (400, ["limit", "after"])
    assert api.get(f"/{kind}?after={uuid4()}").status == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"/ads/{UNKNOWN}", 404),
        ("GET", "/ads/7", 400),
        ("GET", f"/campaigns/{UNKNOWN}", 404),
        ("GET", f"/campaigns/{UNKNOWN}/analytics?start=2025-01-01T00:00:00Z&end=2025-01-02T00:00:00Z", 404),
        ("GET", "/nothing", 404),
        ("DELETE", "/ads", 405),
        ("POST", "/ads/analytics", 405),
        ("POST", "/audit", 405),
        ("PATCH", f"/ads/{UNKNOWN}", 405),
    ],
)
def test_what_can_not_be_answered_says_so_in_the_envelope(api: Client, method: str, path: str, status: int) -> None:
    """404, 400 and 405 alike; 405 with the methods that there are."""
    answer = api.call(method, path, b"{}")
    assert answer.status == status
    assert answer.error["message"]
    assert answer.headers["X-Request-Id"]
    assert (status == 405) == ("Allow" in answer.headers)


def test_a_body_is_bounded_and_of_a_known_kind(api: Client) -> None:
    """Not JSON's media type, unknown encoding, too large declared, undeclared or unpacked; gzip is taken."""
    large = json.dumps({"name": "x", "more": "x" * 20_000}).encode()
    packed = {**JSON, "Content-Encoding": "gzip"}
    assert api.post("/ads", b"{}", {"Content-Type": "text/plain"}).status == 415
    assert api.post("/ads", b"{}", {**JSON, "Content-Encoding": "br"}).status == 415
    assert api.post("/ads", large).status == 413
    assert api.call("POST", "/ads", iter([large])).status == 413
    assert api.post("/ads", gzip.compress(large), packed).status == 413
    assert api.post("/ads", gzip.compress(b'{"name":"packed"}'), packed).status == 201
    assert api.post("/ads", b"{", JSON).invalid_fields == ["body"]
    assert api.post("/ads", b'{"campaignId":1,"media":""}', JSON).invalid_fields == ["name", "campaignId", "media"]


def test_the_service_describes_itself(analytics: Service) -> None:
    """Health, metrics, the API's description, and the page that shows it."""
    assert analytics.get("/healthz/live").json == analytics.get("/healthz/ready").json == {"status": "ok"}
    analytics.get("/ads/7")

    def look() -> None:
        metrics = analytics.get("/metrics").body.decode()
        assert 'adclicks_http_request_seconds_count{method="GET",route="/ads/{ad_id}",status="400"}' in metrics
        assert "adclicks_http_requests_in_flight" in metrics

    eventually(look)
    paths = analytics.get("/openapi.json").json["paths"]
    assert {"/ads", "/ads/analytics", "/ads/{ad_id}/timeseries", "/ads/top", "/audit"} <= set(paths)
    page = analytics.get("/docs").body.decode()
    assert "openapi.json" in page
    assert "//cdn" not in page


def test_a_media_of_another_kind_that_is_stored_already_stays_readable(api: Client, installation: Installation) -> None:
    """It was accepted once; to be sent back it has to be mended, and the answer says so."""
    there = send(api, "POST", "/ads", {"name": "old"}).json["data"]
    installation.sql(f"update ads set media = 'file:///x' where id = '{there['id']}'")  # noqa: S608 our own id
    assert api.get(f"/ads/{there['id']}").json["data"]["media"] == "file:///x"
    assert send(api, "PUT", f"/ads/{there['id']}", {**there, "media": "file:///x"}).invalid_fields == ["media"]
    assert send(api, "PUT", f"/ads/{there['id']}", there).status == 200


def test_no_cache_keeps_what_changes(api: Client) -> None:
    """Ads, counts, and the pages of the totals: said by the answer, or a cache would choose a time by itself."""
    for path in ("/ads", "/campaigns", "/audit", "/ads/analytics?limit=1"):
        assert api.get(path).headers["Cache-Control"] == "no-store"


def test_a_long_answer_is_compressed_where_that_is_asked_for(api: Client) -> None:
    """Not for a client that does not take it, and not a short one."""
    for number in range(20):
        send(api, "POST", "/ads", {"name": f"compressed {number}"})
    plain, packed = api.get("/ads"), api.call("GET", "/ads", headers={"Accept-Encoding": "br, gzip;q=0.5"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    for path, encodings in (("/ads", "gzip;q=0"), ("/ads", "identity"), ("/ads?limit=1", "gzip")):
        assert api.call("GET", path, headers={"Accept-Encoding": encodings}).headers["Content-Encoding"] is None
