"""A body with many clicks: which are valid, and what is wrong with each of the others. Pure."""

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from adclicks.click import decode_click
from adclicks.errors import FieldError, Problem, invalid_body, malformed_body

EVENTS_MAX = 1_000
EVENT_BYTES_MAX = 16 * 1024
_JSON_SPACE = b" \t\r\n"
_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_raw = msgspec.json.Decoder(msgspec.Raw).decode
# A string, also one without an end, or a character that means something to the structure. Linear: nothing is tried twice.
_STRUCTURE = re.compile(rb'"(?:[^"\\]+|\\.)*+"?|[\[\]{},]', re.DOTALL)
# All up to half a pair of surrogates, and the half. A whole pair and every other escape are passed over.
_HALF_PAIR = re.compile(
    rb"((?:[^\\]+|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(?!u[dD][89a-fA-F]).)*+)"
    rb"(\\u[dD][89a-fA-F][0-9a-fA-F]{2})?",
    re.DOTALL,
)
# A body of 1,000 events has some ten thousand; far more would hold up the event loop.
_TOKENS_MAX = 100_000


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
        return _split_by_structure(body, str(error))


def _split_by_structure(body: bytes, reason: str) -> list[bytes]:
    """The elements of an array of which one can't be decoded: it costs that one alone, as a line of NDJSON would.

    Such are half a pair of surrogates and nesting without end, which are JSON. Raises ``Problem`` for what is none.
    """
    elements = _elements(body)
    if elements is None:
        raise malformed_body(reason)
    for element in elements:
        if len(element) > EVENT_BYTES_MAX:
            continue
        try:
            _decode_raw(_HALF_PAIR.sub(_without_half, element))
        except RecursionError:
            continue
        except msgspec.DecodeError:
            raise malformed_body(reason) from None
    return elements


def _without_half(found: re.Match[bytes]) -> bytes:
    return found[1] if found[2] is None else found[1] + b"\\ufffd"


def _elements(body: bytes) -> list[bytes] | None:
    body = body.strip(_JSON_SPACE)
    if not body.startswith(b"["):
        return None
    elements: list[bytes] = []
    depth, begin = 0, 1
    for found in itertools.islice(_STRUCTURE.finditer(body), _TOKENS_MAX):
        token = found[0]
        if token in (b"[", b"{"):
            depth += 1
        elif token in (b"]", b"}"):
            depth -= 1
        if (depth == 1 and token == b",") or depth == 0:
            elements.append(body[begin : found.start()].strip(_JSON_SPACE))
            begin = found.end()
        if depth == 0:
            return elements if begin == len(body) and body.endswith(b"]") else None
    return None


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
