"""What ingest answers, status by status. Every error is in the envelope; every 202 is a record in Kafka."""

import gzip
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from adclicks.click import decode_event
from testbed.clicks import EXAMPLE, Json, encode, new_click
from testbed.http import JSON, Answer, Client
from testbed.http import client as connect
from testbed.installation import Installation
from testbed.services import Service

CLICK, CLICKS = "/ads/click", "/ads/clicks"
NDJSON = {"Content-Type": "application/x-ndjson"}
GZIP = {**JSON, "Content-Encoding": "gzip"}


def recorded(installation: Installation, *clicks: Json) -> list[Json]:
    """The records that Kafka has of ``clicks``, decoded."""
    wanted = {click["clickId"] for click in clicks}
    values = [json.loads(message.value() or b"") for message in installation.records()]
    return [value for value in values if value["clickId"] in wanted]


def assert_refused(answer: Answer, status: int, code: str) -> None:
    """The status, in the envelope, with a time of now."""
    assert (answer.status, answer.error["code"]) == (status, code), answer.body
    assert answer.headers["Content-Type"] == "application/json"
    written = datetime.fromisoformat(answer.error["timestamp"])
    assert abs(datetime.now(UTC) - written) < timedelta(minutes=1)


def test_the_documented_example_is_taken(client: Client, installation: Installation) -> None:
    """202 with the documented body, and the record is in Kafka, with the time and the sender's address appended."""
    before = datetime.now(UTC)

    answer = client.post(CLICK, encode(EXAMPLE))

    assert (answer.status, answer.json) == (202, {"data": "click event received"})
    (record,) = recorded(installation, EXAMPLE)
    assert {name: record[name] for name in EXAMPLE} == EXAMPLE
    assert record["peer"] == "127.0.0.1"
    assert before <= datetime.fromisoformat(record["received_at"]) <= datetime.now(UTC)


def test_a_retry_lands_on_the_same_partition(client: Client, installation: Installation) -> None:
    """However its id is written: the key is the click id in its usual form."""
    click = new_click()
    spellings = [click["clickId"], click["clickId"].upper(), click["clickId"].replace("-", "")]
    for spelling in spellings:
        assert client.post(CLICK, encode({**click, "clickId": spelling})).status == 202

    records = [m for m in installation.records() if json.loads(m.value() or b"")["clickId"] in spellings]
    assert len(records) == 3
    assert len({message.partition() for message in records}) == 1
    assert {message.key() for message in records} == {click["clickId"].encode()}


def test_the_servers_fields_can_t_be_set_by_the_sender(client: Client, installation: Installation) -> None:
    """Nor broken: whatever the sender writes under these names, what Kafka has decodes to the server's values."""
    values: tuple[object, ...] = ("2000-01-01T00:00:00Z", "192.0.2.1", 5, None, {}, [[]])
    clicks = [new_click(received_at=forged, peer=forged) for forged in values]
    for click in clicks:
        assert client.post(CLICK, encode(click)).status == 202

    wanted = {click["clickId"].encode() for click in clicks}
    events = [decode_event(m.value() or b"") for m in installation.records() if m.key() in wanted]
    assert len(events) == len(clicks)
    assert {event.peer for event in events} == {"127.0.0.1"}
    assert all(event.received_at is not None and event.received_at.year >= 2024 for event in events)


def test_every_invalid_field_is_listed(client: Client) -> None:
    """All of them at once, in the documented order."""
    answer = client.post(CLICK, encode({"clickId": "x", "name": "", "ip": "1.2.3", "timestamp": "2025-09-06"}))

    assert_refused(answer, 400, "BAD_REQUEST")
    assert answer.error["message"] == "Body validation failed."
    assert answer.invalid_fields == ["clickId", "ad_id", "name", "ip", "timestamp"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"nonsense",
        b"[]",
        b"null",
        b'"text"',
        b"NaN",
        b"\xff\xfe",
        b"\x00",
        b"[" * 16_000,
        encode(EXAMPLE)[:-1],
        encode(EXAMPLE) + b"x",
        encode(EXAMPLE) * 2,
        b"\xef\xbb\xbf" + encode(EXAMPLE),
    ],
    ids=lambda body: repr(body[:12]),
)
def test_what_is_no_json_object_is_400(client: Client, body: bytes) -> None:
    """The body is named as the field that is wrong."""
    answer = client.post(CLICK, body)

    assert_refused(answer, 400, "BAD_REQUEST")
    assert answer.invalid_fields == ["body"]


def test_a_click_too_far_ahead_is_400_and_the_past_is_open(client: Client) -> None:
    """24 hours are allowed."""
    now = datetime.now(UTC)
    for ahead, status in ((timedelta(hours=23, minutes=59), 202), (timedelta(hours=24, minutes=1), 400)):
        assert client.post(CLICK, encode(new_click(timestamp=(now + ahead).isoformat()))).status == status
    assert client.post(CLICK, encode(new_click(timestamp="1970-01-01T00:00:00Z"))).status == 202


def test_unknown_paths_are_404(client: Client) -> None:
    """In the envelope."""
    for path in ("/", "/ads/clickk", "/ads/click/", "/ads/click/1", "/%ff", "/ads//click"):
        assert_refused(client.get(path), 404, "NOT_FOUND")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", [CLICK, CLICKS])
def test_other_methods_are_405_with_allow(client: Client, method: str, path: str) -> None:
    """Allow names POST."""
    answer = client.call(method, path, headers={})

    assert_refused(answer, 405, "METHOD_NOT_ALLOWED")
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/xml", ";"])
@pytest.mark.parametrize("path", [CLICK, CLICKS])
def test_other_kinds_of_body_are_415(client: Client, path: str, kind: str | None) -> None:
    """Named by the header; without one, too."""
    answer = client.post(path, encode(new_click()), {} if kind is None else {"Content-Type": kind})

    assert_refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", " application/json "])
def test_the_kind_may_have_parameters(client: Client, kind: str) -> None:
    """And any case."""
    assert client.post(CLICK, encode(new_click()), {"Content-Type": kind}).status == 202


def test_an_unknown_encoding_is_415(client: Client) -> None:
    """Only gzip and identity are taken."""
    assert_refused(client.post(CLICK, b"x", {**JSON, "Content-Encoding": "br"}), 415, "UNSUPPORTED_MEDIA_TYPE")
    assert client.post(CLICK, encode(new_click()), {**JSON, "Content-Encoding": "identity"}).status == 202


def padded(size: int) -> bytes:
    """A valid click of exactly ``size`` bytes."""
    click = encode(new_click(padding=""))
    return click[:-2] + b"x" * (size - len(click)) + click[-2:]


def in_chunks(body: bytes) -> Iterator[bytes]:
    """A body without a declared length."""
    for begin in range(0, len(body), 5_000):
        yield body[begin : begin + 5_000]


@pytest.mark.parametrize(("path", "limit"), [(CLICK, 16 * 1024), (CLICKS, 1024 * 1024)])
def test_a_body_over_the_limit_is_413(ingest: Service, path: str, limit: int) -> None:
    """Declared, in chunks, or unpacked: a byte over the limit is refused, and the service goes on."""
    body = padded(limit + 1)
    for sent, headers in ((body, JSON), (in_chunks(body), JSON), (gzip.compress(body), GZIP)):
        with connect(ingest.url) as client:
            assert_refused(client.call("POST", path, sent, headers), 413, "PAYLOAD_TOO_LARGE")
    assert ingest.is_healthy("/healthz/live")


def test_a_body_at_the_limit_is_taken(client: Client) -> None:
    """16 KiB exactly, declared, in chunks, or packed."""
    assert client.post(CLICK, padded(16 * 1024)).status == 202
    assert client.call("POST", CLICK, in_chunks(padded(16 * 1024))).status == 202
    assert client.post(CLICK, gzip.compress(padded(16 * 1024)), GZIP).status == 202


def test_a_bomb_is_413(client: Client) -> None:
    """10 KiB that unpack to 10 MiB."""
    assert_refused(client.post(CLICK, gzip.compress(b" " * 10 * 1024 * 1024), GZIP), 413, "PAYLOAD_TOO_LARGE")


def test_gzip_bodies_are_unpacked(client: Client, installation: Installation) -> None:
    """One member or several, on both paths."""
    one, two = new_click(), new_click()
    assert client.post(CLICK, gzip.compress(encode(one)), GZIP).status == 202
    packed = gzip.compress(b"[") + gzip.compress(encode(two)) + gzip.compress(b"]")
    assert client.post(CLICKS, packed, GZIP).status == 202

    assert len(recorded(installation, one, two)) == 2


@pytest.mark.parametrize(
    "packed", [b"not gzip", gzip.compress(b"{}", mtime=0)[:-4], gzip.compress(b"{}", mtime=0) + b"junk", b""]
)
def test_bad_gzip_is_400(client: Client, packed: bytes) -> None:
    """Cut short, followed by something else, or no gzip at all."""
    assert_refused(client.post(CLICK, packed, GZIP), 400, "BAD_REQUEST")


@pytest.mark.parametrize("as_lines", [False, True])
def test_many_clicks_at_once(client: Client, installation: Installation, as_lines: bool) -> None:
    """An array or lines: the valid ones are in Kafka, each other one is named by its place and field."""
    clicks = [new_click() for _ in range(5)]
    events = [*clicks[:2], {**new_click(), "ip": "x", "name": 5}, *clicks[2:], 7]
    body = b"\n".join(map(encode, events)) + b"\n\n" if as_lines else encode(events)

    answer = client.post(CLICKS, body, NDJSON if as_lines else JSON)

    assert answer.status == 202
    data = answer.json["data"]
    assert (data["accepted"], data["rejected"]) == (5, 2)
    assert [(item["index"], item["field"]) for item in data["details"]] == [(2, "name"), (2, "ip"), (6, "body")]
    assert len(recorded(installation, *clicks)) == 5


def test_a_thousand_clicks_are_the_most(client: Client) -> None:
    """One more is refused as a whole."""
    events = [new_click(name="n") for _ in range(1_001)]
    assert client.post(CLICKS, encode(events[:1_000])).json["data"]["accepted"] == 1_000
    answer = client.post(CLICKS, encode(events))
    assert_refused(answer, 400, "BAD_REQUEST")
    assert "1 to 1000" in answer.error["details"][0]["error"]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"[]", JSON),
        (b"", NDJSON),
        (b"\n \n", NDJSON),
        (b"{}", JSON),
        (b"[1, 2]", JSON),
        (b"[{}", JSON),
        (b"nonsense\n{}", NDJSON),
        (b"\xff\n\xfe", NDJSON),
        (encode([{**EXAMPLE, "clickId": "x"}]), JSON),
        (b"[" * 500_000, JSON),
    ],
    ids=lambda value: repr(value)[:16],
)
def test_a_batch_without_a_valid_click_is_400(client: Client, body: bytes, headers: dict[str, str]) -> None:
    """With details of what is wrong."""
    answer = client.post(CLICKS, body, headers)

    assert_refused(answer, 400, "BAD_REQUEST")
    assert answer.error["details"]


def test_a_click_in_a_batch_may_have_16_kib_too(client: Client) -> None:
    """A larger one is refused alone."""
    answer = client.post(CLICKS, b"[%b,%b]" % (encode(new_click()), padded(16 * 1024 + 1)))

    assert answer.json["data"]["accepted"] == 1
    assert [(item["index"], item["field"]) for item in answer.json["data"]["details"]] == [(1, "body")]


def test_each_answer_has_a_request_id(client: Client, ingest: Service) -> None:
    """The caller's own where it is a sane one; the log has it, too."""
    mine = f"order-{uuid4().hex}"
    for path, body in ((CLICK, encode(new_click())), (CLICK, b"nonsense"), (CLICKS, b"[]"), ("/nowhere", b"")):
        assert client.post(path, body, {**JSON, "X-Request-Id": mine}).headers["X-Request-Id"] == mine
        ids = [
            client.post(path, body, {**JSON, "X-Request-Id": odd}).headers["X-Request-Id"] for odd in ("a b", "x" * 200)
        ]
        ids += [client.post(path, body).headers["X-Request-Id"] for _ in range(2)]
        assert len(set(ids)) == 4
        assert all(re.fullmatch(r"[0-9a-f]{32}", found) for found in ids)


def test_what_operators_ask(client: Client) -> None:
    """Health, metrics of what was done, the API's description and a page that reads it without anything from elsewhere."""
    assert client.get("/healthz/live").json == {"status": "ok"}
    assert client.get("/healthz/ready").json == {"status": "ok"}
    page = client.get("/docs").body.decode()
    assert "openapi.json" in page
    assert re.findall(r"(?:src|href)=[\"']?(?:https?:)?//", page) == []
    description = client.get("/openapi.json").json
    assert {CLICK, CLICKS, "/healthz/live", "/metrics"} <= set(description["paths"])
    metrics = client.get("/metrics").body.decode()
    assert 'adclicks_http_request_seconds_count{method="POST",route="/ads/click",status="202"}' in metrics
    assert "adclicks_http_requests_in_flight" in metrics
    for name in ("produced_total", "acknowledged_total", "failed_total", "waiting"):
        assert f"adclicks_clicks_{name}" in metrics


def test_behind_a_trusted_proxy_the_clients_address_counts(installation: Installation) -> None:
    """Only what trusted proxies wrote is believed, read from the end; without the setting nothing is."""
    proxied = installation.service("ingest", TRUSTED_PROXIES="127.0.0.0/8,10.0.0.0/8")
    direct = installation.service("ingest")
    header = {**JSON, "X-Forwarded-For": "203.0.113.9, 198.51.100.7, 10.1.2.3"}
    behind, alone = new_click(), new_click()
    for service, click in ((proxied, behind), (direct, alone)):
        with connect(service.url) as client:
            assert client.post(CLICK, encode(click), header).status == 202
            assert client.post(CLICKS, encode([{**click, "clickId": str(uuid4())}]), header).status == 202
        service.stop()

    assert [record["peer"] for record in recorded(installation, behind)] == ["198.51.100.7"]
    assert [record["peer"] for record in recorded(installation, alone)] == ["127.0.0.1"]
