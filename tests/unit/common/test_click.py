"""What makes a click valid, what is said of one that is not, and how it travels through Kafka."""

import ipaddress
import json
import string
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adclicks.click import (
    EARLIEST,
    LATEST,
    NAME_LENGTH_MAX,
    decode_click,
    decode_event,
    encode_event,
    is_ip_address,
)
from adclicks.errors import Problem
from testbed.clicks import EXAMPLE, encode

NOW = datetime(2025, 9, 7, 12, 0, tzinfo=UTC)
STAMP = "2025-09-07T12:00:00.000001Z"
PEER = "192.0.2.7"


def problem_of(body: bytes, latest: datetime = NOW) -> Problem:
    """What is said of a body that is no valid click."""
    with pytest.raises(Problem) as caught:
        decode_click(body, latest)
    return caught.value


def invalid_fields(**fields: object) -> list[str]:
    """The fields that are named for the example with ``fields`` in place of its own."""
    return [detail.field for detail in problem_of(encode({**EXAMPLE, **fields})).details]


def test_the_documented_example_is_valid() -> None:
    """As it stands, with its time in the past."""
    click = decode_click(encode(EXAMPLE), NOW)

    assert click.click_id == UUID(EXAMPLE["clickId"])
    assert click.ad_id == UUID(EXAMPLE["ad_id"])
    assert (click.name, click.ip) == ("mc donalds", "127.0.0.1")
    assert click.timestamp == datetime(2025, 9, 6, 0, 37, 45, 123_000, tzinfo=UTC)


@pytest.mark.parametrize("field", list(EXAMPLE))
@pytest.mark.parametrize("value", [None, 1, 1.5, True, [], {}, "", " ", "x\u0000"])
def test_a_value_of_another_kind_is_named(field: str, value: object) -> None:
    """Each field by itself, whatever JSON has to offer."""
    if (field, value) == ("name", " "):
        decode_click(encode({**EXAMPLE, "name": " "}), NOW)
    else:
        assert invalid_fields(**{field: value}) == [field]


@pytest.mark.parametrize("field", list(EXAMPLE))
def test_a_missing_field_is_required(field: str) -> None:
    """And said so."""
    (detail,) = problem_of(encode({name: value for name, value in EXAMPLE.items() if name != field})).details

    assert (detail.field, detail.error) == (field, "is required")


@given(st.sets(st.sampled_from(list(EXAMPLE)), min_size=1))
def test_all_invalid_fields_are_listed_at_once(wrong: set[str]) -> None:
    """In the documented order, and no valid one among them."""
    assert invalid_fields(**dict.fromkeys(wrong)) == [field for field in EXAMPLE if field in wrong]


@pytest.mark.parametrize(
    ("name", "is_valid"),
    [
        ("x", True),
        ("点" * NAME_LENGTH_MAX, True),
        ("🦆" * NAME_LENGTH_MAX, True),
        ("x" * (NAME_LENGTH_MAX + 1), False),
        ("a\nb", False),
        ("a\x7fb", False),
        ("a\x85b", False),
        ("a\x9fb", False),
        ("trailing\n", False),
        ("a\u00a0b", True),
        ("a\u2028b", True),
        ("\\N", True),
        ("\u202ereversed", True),
    ],
)
def test_a_name_has_1_to_200_characters_and_no_control_character(name: str, is_valid: bool) -> None:
    """Characters, not bytes; C0, DEL and C1 are control characters."""
    if is_valid:
        assert decode_click(encode({**EXAMPLE, "name": name}), NOW).name == name
    else:
        assert invalid_fields(name=name) == ["name"]


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_every_ip_address_is_valid(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """Short and long form of IPv6 as well."""
    assert is_ip_address(str(address))
    assert is_ip_address(address.exploded)


@given(st.text(alphabet=string.hexdigits + ".:/%[] g", max_size=20))
def test_what_python_takes_for_no_address_is_none(text: str) -> None:
    """Apart from zones, which mean something on one machine only."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        assert not is_ip_address(text)
    else:
        assert is_ip_address(text) == ("%" not in text)


@pytest.mark.parametrize(
    "text", ["1.2.3", "01.2.3.4", "1.2.3.4/32", "1.2.3.4 ", "::1%eth0", "[::1]", "localhost", "٣.1.1.1"]
)
def test_what_looks_like_an_address_is_none(text: str) -> None:
    """PostgreSQL would refuse it, or take it for something else."""
    assert invalid_fields(ip=text) == ["ip"]


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2024-02-29T23:59:59.999999Z", 999_999),
        ("2025-09-06t00:37:45z", 0),
        ("2025-09-06T00:37:45+14:00", 0),
        ("2025-09-06T00:37:45.1-11:30", 100_000),
        ("2025-09-06T00:37:45.000001Z", 1),
    ],
)
def test_rfc_3339_times_are_exact_to_the_microsecond(text: str, micros: int) -> None:
    """With any offset."""
    click = decode_click(encode({**EXAMPLE, "timestamp": text}), NOW)

    assert click.timestamp == datetime.fromisoformat(text.upper())
    assert click.timestamp.microsecond == micros


@pytest.mark.parametrize(
    "text",
    [
        "2025-09-06T00:37:45",
        "2025-09-06",
        "2025-09-06T24:00:00Z",
        "2023-02-29T00:00:00Z",
        "2025-13-01T00:00:00Z",
        "2025-09-06T00:37Z",
        "2025-09-06T00:37:45.Z",
        "1757119065",
        "now",
        "2025-09-06T00:37:45+25:00",
        "0000-01-01T00:00:00Z",
    ],
)
def test_other_times_are_not_taken(text: str) -> None:
    """An offset is needed, and a date that exists."""
    assert invalid_fields(timestamp=text) == ["timestamp"]


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))])))
def test_a_time_is_valid_from_the_earliest_to_the_latest(time: datetime) -> None:
    """For any time of the calendar: valid, or named; never another error."""
    body = encode({**EXAMPLE, "timestamp": time.isoformat()})
    if EARLIEST <= time <= NOW:
        assert decode_click(body, NOW).timestamp == time
    else:
        assert [detail.field for detail in problem_of(body).details] == ["timestamp"]


def test_how_far_ahead_a_click_may_be_is_for_the_door_alone() -> None:
    """What was acknowledged is not refused later, unless the calendar has no room for it."""
    ahead = encode({**EXAMPLE, "timestamp": (NOW + timedelta(microseconds=1)).isoformat()})
    assert problem_of(ahead).details[0].error == "is too far in the future"
    decode_event(ahead)
    decode_event(encode({**EXAMPLE, "timestamp": LATEST.isoformat()}))
    with pytest.raises(Problem):
        decode_event(encode({**EXAMPLE, "timestamp": "9999-12-31T23:59:59-12:00"}))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nope",
        b"\xff",
        b'"\xff"',
        b"NaN",
        b'{"a":NaN}',
        b"[" * 100_000,
        b'{"x":' * 5_000,
        b"{} {}",
        b'"\\ud800"',
    ],
    ids=lambda body: repr(body[:8]),
)
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    """Bad UTF-8, bad syntax, lone surrogates, and nesting without end: one problem with the body."""
    problem = problem_of(body)

    assert (problem.status, problem.code) == (400, "BAD_REQUEST")
    assert [detail.field for detail in problem.details] == ["body"]


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"x"', b"true"])
def test_what_is_json_but_no_object_is_told_so(body: bytes) -> None:
    """The body is the field."""
    assert [(d.field, d.error) for d in problem_of(body).details] == [("body", "must be a JSON object")]


def test_bad_utf_8_in_a_name_is_malformed() -> None:
    """It can't be repeated in an answer, nor stored."""
    body = encode(EXAMPLE).replace(b"mc donalds", b"mc \xed\xa0\x80donalds")

    assert [detail.field for detail in problem_of(body).details] == ["body"]


def test_the_first_of_two_equal_keys_has_to_be_valid_as_well() -> None:
    """Never accepted half-way."""
    body = encode(EXAMPLE)[:-1] + b',"ip":"1.2.3.4"}'
    assert decode_click(body, NOW).ip == "1.2.3.4"
    problem_of(body.replace(b"127.0.0.1", b"elsewhere").replace(b'"ip": "elsewhere"', b'"ip": 7'))


@given(st.binary(max_size=60))
def test_no_body_raises_anything_but_a_problem(body: bytes) -> None:
    """Whatever comes in."""
    with pytest.raises(Problem):
        decode_click(body, NOW)
    with pytest.raises(Problem):
        decode_event(body)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(["received_at", "peer", "x", "clickid"]), JSON_VALUES),
    st.booleans(),
    st.sampled_from(["", " ", "\n\t\r "]),
)
def test_what_is_accepted_is_read_again_with_the_servers_fields(
    extra: dict[str, Any], ascii_only: bool, trailing: str
) -> None:
    """A sender can neither set received_at and peer, nor make its own click unreadable by writing something there."""
    body = json.dumps({**EXAMPLE, **extra}, ensure_ascii=ascii_only, indent=1).encode(errors="surrogatepass")
    body += trailing.encode()
    try:
        click = decode_click(body, NOW)
    except Problem:
        return

    event = decode_event(encode_event(body, STAMP, PEER))

    assert (event.click_id, event.ad_id, event.name, event.ip, event.timestamp) == (
        click.click_id,
        click.ad_id,
        click.name,
        click.ip,
        click.timestamp,
    )
    assert (event.received_at, event.peer) == (datetime.fromisoformat(STAMP), PEER)


@pytest.mark.parametrize(
    "forged",
    [
        b'"received_at":5',
        b'"peer":[[[[]]]]',
        b'"received_at":"2000-01-01T00:00:00Z","received_at":{},"peer":"1.1.1.1","peer":null',
        b'"received_at":"\xff"',
        b'"re\\u0063eived_at":true',
        b'"peer":' + b"[" * 900 + b"]" * 900,
    ],
    ids=lambda forged: repr(forged[:20]),
)
def test_forged_fields_are_overruled(forged: bytes) -> None:
    """Repeated, of another kind, in other spellings, not even UTF-8."""
    body = encode(EXAMPLE)[:-1] + b"," + forged + b"}"
    decode_click(body, NOW)

    event = decode_event(encode_event(body, STAMP, PEER))

    assert (event.received_at, event.peer) == (datetime.fromisoformat(STAMP), PEER)


def test_an_event_without_the_servers_fields_is_read() -> None:
    """Another producer may leave them out, or send null."""
    for fields in ({}, {"received_at": None, "peer": None}):
        event = decode_event(encode({**EXAMPLE, **fields}))
        assert (event.received_at, event.peer) == (None, None)


def test_an_event_whose_last_fields_are_wrong_is_refused() -> None:
    """Nobody acknowledged it: its producer is told by a dead letter."""
    for fields in ({"received_at": 5}, {"received_at": "2025-09-06T00:00:00"}, {"peer": 5}):
        with pytest.raises(Problem):
            decode_event(encode({**EXAMPLE, **fields}))


def test_a_problem_says_why_an_event_can_t_be_read() -> None:
    """Every field, for the dead letter's reason."""
    with pytest.raises(Problem) as caught:
        decode_event(b"{}")

    assert [detail.field for detail in caught.value.details] == list(EXAMPLE)
