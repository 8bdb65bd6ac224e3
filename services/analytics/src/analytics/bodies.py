"""What a body that describes an ad or a campaign may say. Pure."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from adclicks.click import NAME_LENGTH_MAX
from adclicks.errors import FieldError, conflict, invalid_body, malformed_body

MEDIA_LENGTH_MAX = 2048
# As a click's name: a NUL can't be stored in PostgreSQL, and the others only hide.
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# An absolute http or https URL: a page shows it, and must not be made to run it (javascript:, data:) or to read a file. No
# user in it, which hides the host; no host of somebody else's choice (//host); letters outside ASCII are taken.
# The API's description has the same expression, so it is one that Python and JSON Schema read alike.
_NO_URL = '\\u0000-\\u0020\\u007f-\\u00a0"<>\\\\^`{|}'
MEDIA_PATTERN = (
    "^[Hh][Tt][Tt][Pp][Ss]?://"
    rf"(?:\[[0-9A-Fa-f:.]+\]|[^{_NO_URL}/?#@:\[\]]+)"
    "(?::[0-9]{1,5})?"
    rf"(?:[/?#][^{_NO_URL}]*)?$"
)
_MEDIA = re.compile(MEDIA_PATTERN.removesuffix("$") + r"\Z")
_decode = msgspec.json.Decoder().decode


class AdBody(msgspec.Struct, frozen=True):
    """An ad as its owner describes it; ``id`` is None where the server is to choose it."""

    id: UUID | None
    name: str
    campaign_id: UUID | None
    media: str | None


class CampaignBody(msgspec.Struct, frozen=True):
    """A campaign as its owner describes it; ``id`` as in ``AdBody``."""

    id: UUID | None
    name: str


def read_ad(body: bytes) -> AdBody:
    """Raises ``Problem`` (400) that lists every invalid field. Unknown fields are ignored."""
    document = _read(body, {"id": _id_error, "name": _name_error, "campaignId": _id_error, "media": _media_error})
    return AdBody(_uuid(document, "id"), document["name"], _uuid(document, "campaignId"), document.get("media"))


def read_campaign(body: bytes) -> CampaignBody:
    """As ``read_ad``."""
    document = _read(body, {"id": _id_error, "name": _name_error})
    return CampaignBody(_uuid(document, "id"), document["name"])


def require_same_id(in_body: UUID | None, in_path: UUID) -> None:
    """Raises ``Problem`` (409) where a body speaks of another object than its path."""
    if in_body not in (None, in_path):
        raise conflict(
            "The body is not about what the path names.", FieldError("id", "must be left out, or be the id in the path")
        )


def _read(body: bytes, checks: Mapping[str, Callable[[object], str | None]]) -> dict[str, Any]:
    try:
        document = _decode(body)
    except RecursionError:
        raise malformed_body("is nested too deeply") from None
    except UnicodeDecodeError:
        raise malformed_body("is not UTF-8") from None
    except msgspec.DecodeError as error:
        raise malformed_body(str(error)) from None
    if not isinstance(document, dict):
        raise invalid_body(FieldError("body", "must be a JSON object"))
    found = ((field, check(document.get(field))) for field, check in checks.items())
    errors = [FieldError(field, error) for field, error in found if error is not None]
    if errors:
        raise invalid_body(*errors)
    return document


def _uuid(document: Mapping[str, Any], field: str) -> UUID | None:
    value = document.get(field)
    return None if value is None else msgspec.convert(value, UUID)


def _id_error(value: object) -> str | None:
    if value is None:
        return None
    try:
        msgspec.convert(value, UUID)
    except msgspec.ValidationError:
        return "must be a UUID"
    return None


def _name_error(value: object) -> str | None:
    return "is required" if value is None else _text_error(value, NAME_LENGTH_MAX)


def _media_error(value: object) -> str | None:
    if value is None:
        return None
    error = _text_error(value, MEDIA_LENGTH_MAX)
    if error is None and not _MEDIA.match(str(value)):
        return "must be an absolute URL that begins with http:// or https://"
    return error


def _text_error(value: object, length_max: int) -> str | None:
    if not isinstance(value, str):
        return "must be a string"
    if not 1 <= len(value) <= length_max:
        return f"must have 1 to {length_max} characters"
    return "must not contain control characters" if _CONTROL_CHARACTER.search(value) else None
