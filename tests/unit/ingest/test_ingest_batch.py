"""A body with many clicks: the valid ones are taken as they came, each other one is named."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adclicks.errors import Problem
from ingest.batch import EVENT_BYTES_MAX, EVENTS_MAX, sort_out, split_array, split_lines
from testbed.clicks import EXAMPLE, encode, new_click

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@given(st.lists(st.sampled_from(["good", "bad", "worse"]), min_size=1, max_size=20))
def test_each_event_is_accepted_or_named(kinds: list[str]) -> None:
    """Accepted ones in their order and as they came; of each other one its place and every invalid field."""
    made = {
        "good": encode(EXAMPLE),
        "bad": encode({**EXAMPLE, "ip": "x"}),
        "worse": encode({**EXAMPLE, "ip": 1, "name": ""}),
    }
    events = [made[kind] for kind in kinds]
    if "good" not in kinds:
        with pytest.raises(Problem) as caught:
            sort_out(events, NOW)
        assert caught.value.status == 400
        assert caught.value.details[0].field.startswith("[0].")
        return

    batch = sort_out(events, NOW)

    assert [click_id for click_id, _ in batch.accepted] == [EXAMPLE["clickId"]] * kinds.count("good")
    assert batch.rejected == len(kinds) - kinds.count("good")
    assert [(item.index, item.field) for item in batch.details] == [
        (index, field)
        for index, kind in enumerate(kinds)
        for field in {"good": (), "bad": ("ip",), "worse": ("name", "ip")}[kind]
    ]


def test_the_key_is_the_id_in_its_usual_form() -> None:
    """So that a retry in another spelling finds the same partition."""
    events = [
        encode({**EXAMPLE, "clickId": text})
        for text in (EXAMPLE["clickId"].upper(), EXAMPLE["clickId"].replace("-", ""))
    ]

    assert {click_id for click_id, _ in sort_out(events, NOW).accepted} == {EXAMPLE["clickId"]}


@pytest.mark.parametrize("count", [0, EVENTS_MAX + 1])
def test_none_or_too_many_are_refused_as_a_whole(count: int) -> None:
    """With the number that is allowed."""
    with pytest.raises(Problem) as caught:
        sort_out([encode(EXAMPLE)] * count, NOW)

    assert (caught.value.details[0].field, str(EVENTS_MAX) in caught.value.details[0].error) == ("body", True)


def test_an_event_is_as_large_as_a_single_click_may_be() -> None:
    """A larger one is refused alone."""
    large = encode({**EXAMPLE, "x": "x" * EVENT_BYTES_MAX})

    batch = sort_out([large, encode(EXAMPLE)], NOW)

    assert (batch.rejected, batch.details[0].field, len(batch.accepted)) == (1, "body", 1)


@given(st.lists(st.dictionaries(st.text(max_size=4), st.text(max_size=4) | st.integers() | st.none()), max_size=5))
def test_elements_stay_as_they_came(documents: list[dict[str, object]]) -> None:
    """Byte by byte, whatever white space is around them."""
    elements = [encode(document) for document in documents]

    assert split_array(b" [\n" + b" ,\t".join(elements) + b"] ") == elements
    assert split_lines(b"\n".join(elements) + b"\r\n \n\n") == [*elements[:-1], *(e + b"\r" for e in elements[-1:])]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"null", b"[1", b"[" * 100_000, b"[1,]", b"\xff", b"[] []"], ids=lambda b: repr(b[:8])
)
def test_what_is_no_array_is_400(body: bytes) -> None:
    """One problem with the body."""
    with pytest.raises(Problem) as caught:
        split_array(body)

    assert caught.value.status == 400
    assert [detail.field for detail in caught.value.details] == ["body"]


@pytest.mark.parametrize(
    "member",
    [
        b'"x":"\\ud83d"',
        b'"x":"\\udc00"',
        b'"x":"\\ud83d\\u0041"',
        b'"x":"\\ud83d\\ud83d"',
        b'"\\ud83d":1',
        b'"name":"\\ud83d"',
        b'"x":"],[\\"\\\\\\ud83d"',
        b'"x":' + b"[" * 5_000 + b"]" * 5_000,
    ],
    ids=lambda member: repr(member[:24]),
)
def test_an_event_that_can_t_be_decoded_costs_one_event(member: bytes) -> None:
    """In an array as in NDJSON: the clicks around it are taken as they came."""
    good = [encode(new_click(x=text)) for text in ("\U0001f986", '\\ud83d ],[ "', "", "[[[")]
    bad = b"{%b,%b" % (member, encode(EXAMPLE)[1:])
    events = [*good[:2], bad, *good[2:]]

    for split in (split_array(b"[" + b" ,\n".join(events) + b"]"), split_lines(b"\n".join(events))):
        batch = sort_out(split, NOW)

        assert [event for _, event in batch.accepted] == good
        assert (batch.rejected, {item.index for item in batch.details}) == (1, {2})


@pytest.mark.parametrize(
    "body",
    [
        b'[{"x":"\\ud83d"},]',
        b'[{"x":"\\ud83d"},,{}]',
        b'[{"x":"\\ud83d"}{}]',
        b'[{"x":"\\ud83d"}',
        b'[{"x":"\\ud83d}]',
        b'[{"x":"\\ud83d"}}]',
        b'[{"x":"\\ud83d"},{"x":01}]',
        b'[{"x":"\\ud83d"]]',
        b'[{"x":"\\ud83d"}] []',
        b'["\\',
        b'["\\"' * 1_000,
    ],
    ids=lambda body: repr(body[:30]),
)
def test_what_is_no_json_stays_400_as_a_whole(body: bytes) -> None:
    """Where its elements end is a guess then."""
    with pytest.raises(Problem) as caught:
        split_array(body)

    assert [detail.field for detail in caught.value.details] == ["body"]


def test_a_thousand_clicks_fit_into_a_mebibyte() -> None:
    """Both limits of the API can be met at once."""
    assert len(json.dumps([new_click()] * EVENTS_MAX)) < 1024 * 1024
