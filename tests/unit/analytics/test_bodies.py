"""What may be said of an ad or a campaign."""

import json
from uuid import UUID

import pytest

from adclicks.errors import Problem
from analytics.bodies import AdBody, CampaignBody, read_ad, read_campaign, require_same_id

_ID = UUID("44bb7845-5133-4d7e-bfc4-30747fe38f1d")


def refused(body: bytes) -> list[str]:
    """The fields that are named."""
    with pytest.raises(Problem) as raised:
        read_ad(body)
    assert raised.value.status == 400
    return [detail.field for detail in raised.value.details]


def test_a_name_is_enough() -> None:
    """Everything else may be left out, or be null."""
    assert read_ad(b'{"name":"x"}') == AdBody(None, "x", None, None)
    assert read_ad(b'{"name":"x","id":null,"campaignId":null,"media":null}') == AdBody(None, "x", None, None)
    assert read_campaign(b'{"name":"x","more":1}') == CampaignBody(None, "x")


def test_every_invalid_field_is_listed() -> None:
    """Not the first alone."""
    assert refused(b'{"id":1,"name":"","campaignId":"x","media":7}') == ["id", "name", "campaignId", "media"]
    assert refused(b"{}") == ["name"]


@pytest.mark.parametrize("name", ["", "x" * 201, "a\x00b", "a\nb", "a\x7fb", "a\x85b", 7, None, ["x"]])
def test_a_name_is_1_to_200_characters_without_control_characters(name: object) -> None:
    """What PostgreSQL can't store, and what nobody can see."""
    assert refused(json.dumps({"name": name}).encode()) == ["name"]


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"x"', b"null", b"\xff", b"[" * 5_000, b'{"name":"\\ud800"}'])
def test_what_is_no_object_is_refused_as_a_body(body: bytes) -> None:
    """No JSON, other JSON, no UTF-8, and nesting without an end."""
    assert refused(body) == ["body"]


def test_a_body_may_repeat_the_id_of_its_path_and_no_other() -> None:
    """What GET answered can be sent back with PUT."""
    require_same_id(None, _ID)
    require_same_id(_ID, _ID)
    with pytest.raises(Problem) as raised:
        require_same_id(UUID(int=1), _ID)
    assert (raised.value.status, [detail.field for detail in raised.value.details]) == (409, ["id"])


@pytest.mark.parametrize(
    "media",
    [
        "https://example.com/burger.png",
        "HTTP://EXAMPLE.com:8080?x=1#y",
        "https://münchen.example/größe.png",
        "http://[2001:db8::7]:80/a",
        "https://example.com/@a/b:c",
        "https://localhost",
    ],
)
def test_media_is_a_web_address(media: str) -> None:
    """http or https, absolute, as the samples and the documentation have it."""
    assert read_ad(json.dumps({"name": "x", "media": media}).encode()).media == media


@pytest.mark.parametrize(
    "media",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "file:///etc/passwd",
        "vbscript:x",
        "ftp://example.com/x",
        "//example.com/x",
        "/relative.png",
        "burger.png",
        "https:example.com",
        "https://",
        "https:///x",
        "https:\\\\example.com",
        "https://user:secret@example.com/",
        "https://example.com/a b",
        'https://example.com/"><script>',
        "https://example.com/x\n",
    ],
)
def test_other_addresses_are_refused_by_the_name_of_the_field(media: str) -> None:
    """A page that shows an ad must not be made to run something, or to read a file."""
    assert refused(json.dumps({"name": "x", "media": media}).encode()) == ["media"]
