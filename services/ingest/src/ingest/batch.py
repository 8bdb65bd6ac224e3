"""A body with many clicks: which are valid, and what is wrong with each of the others. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from adclicks.click import decode_click
from adclicks.errors import FieldError, Problem, invalid_body, malformed_body

EVENTS_MAX = 1_000
EVENT_BYTES_MAX = 16 * 1024
_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode


class RejectedField(msgspec.Struct, frozen=True):
    """An invalid field of the event at ``index`` (from 0)."""

    index: int
    field: str
    error: str


@dataclass(frozen=True)
class Batch:
    """``accepted`` holds (click id, the click's JSON as it came in); ``rejected`` counts events, ``details`` their fields."""

    accepted: list[tuple[str, bytes]]
    rejected: int
    details: list[RejectedField]


def split_array(body: bytes) -> list[bytes]:
    """The elements of a JSON array, each as it came in. Raises ``Problem``."""
    try:
        return [bytes(raw) for raw in _decode_array(body)]
    except msgspec.ValidationError:
        raise invalid_body(FieldError("body", "must be a JSON array of clicks")) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed_body(str(error)) from None


def split_lines(body: bytes) -> list[bytes]:
    """The lines of an NDJSON body; empty ones don't count."""
    return [line for line in body.split(b"\n") if not line.isspace() and line]


def sort_out(events: list[bytes], latest: datetime) -> Batch:
    """Valid and invalid clicks apart. Raises ``Problem`` (400) for too many events, none, or none that is valid."""
    if not 1 <= len(events) <= EVENTS_MAX:
        raise invalid_body(FieldError("body", f"must have 1 to {EVENTS_MAX} clicks, has {len(events)}"))
    accepted: list[tuple[str, bytes]] = []
    details: list[RejectedField] = []
    for index, event in enumerate(events):
        try:
            accepted.append((_click_id(event, latest), event))
        except Problem as problem:
            details += (RejectedField(index, detail.field, detail.error) for detail in problem.details)
    if not accepted:
        raise invalid_body(*_as_field_errors(details))
    return Batch(accepted, len(events) - len(accepted), details)


def _click_id(event: bytes, latest: datetime) -> str:
    if len(event) > EVENT_BYTES_MAX:
        raise invalid_body(FieldError("body", f"is larger than {EVENT_BYTES_MAX} bytes"))
    return str(decode_click(event, latest).click_id)


def _as_field_errors(details: Iterable[RejectedField]) -> list[FieldError]:
    return [FieldError(f"[{detail.index}].{detail.field}", detail.error) for detail in details]
