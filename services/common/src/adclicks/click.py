"""What a click is: its fields, what makes one valid, and how it travels through Kafka.

A click on the wire is one JSON object. ``decode_click`` is the fast path: one pass in C that either yields a valid click
or fails; only then does ``invalid_fields`` look at each field by itself, so that the answer can list all of them.
"""

import re
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import msgspec

from adclicks.errors import FieldError, Problem, invalid_body, malformed_body

NAME_LENGTH_MAX = 200
# Unicode category Cc: C0, DEL and C1. A NUL can't be stored in PostgreSQL; a newline would break its COPY.
_NO_CONTROL_CHARACTERS = r"\A[^\x00-\x1f\x7f-\x9f]*\Z"
# Outside of these a bucket's start, or the time in UTC itself, has no representation in PostgreSQL or Python.
EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 30, tzinfo=UTC)
MAX_AHEAD_DEFAULT = timedelta(hours=24)

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LENGTH_MAX, pattern=_NO_CONTROL_CHARACTERS)]
_Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Click(msgspec.Struct, frozen=True, gc=False):
    """A click as its sender describes it. Unknown fields are ignored."""

    click_id: UUID = msgspec.field(name="clickId")
    ad_id: UUID
    name: _Name
    ip: str
    timestamp: _Instant


class ClickEvent(Click, frozen=True, gc=False):
    """A click as Kafka keeps it: the sender's own JSON and, appended, what ingest knows of it.

    ``received_at`` is when ingest took it; ``peer`` the address that it came from. A producer other than ingest may
    leave both out.
    """

    received_at: _Instant | None = None
    peer: str | None = None


class _RawEvent(Click, frozen=True, gc=False):
    received_at: msgspec.Raw = msgspec.Raw(b"null")
    peer: msgspec.Raw = msgspec.Raw(b"null")


_decode_click = msgspec.json.Decoder(Click).decode
_decode_event = msgspec.json.Decoder(ClickEvent).decode
_decode_raw_event = msgspec.json.Decoder(_RawEvent).decode
_decode_received_at = msgspec.json.Decoder(_Instant | None).decode
_decode_peer = msgspec.json.Decoder(str | None).decode
_decode_anything = msgspec.json.Decoder().decode
_DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def is_ip_address(text: str) -> bool:
    """Whether ``text`` is an IPv4 address in dotted decimal or an IPv6 address, without a zone."""
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except (OSError, ValueError):
        return False
    return True


def canonical_address(text: str) -> str:
    """The one spelling of the IP address that ``text`` is (see ``is_ip_address``); of an IPv4 address there is no other."""
    if ":" not in text:
        return text
    return socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, text))


def decode_click(body: bytes, latest: datetime) -> Click:
    """The click in ``body``.

    ``latest`` is the newest timestamp that is still accepted. Raises ``Problem`` (400) that lists every invalid field.
    """
    try:
        click = _decode_click(body)
    except _DECODE_ERRORS:
        raise explain(body, latest) from None
    if click.timestamp > latest or click.timestamp < EARLIEST or not is_ip_address(click.ip):
        raise explain(body, latest)
    return click


def decode_event(value: bytes) -> ClickEvent:
    """The click event in a Kafka record's ``value``. Raises ``Problem`` that says why it can't be one.

    How far ahead a timestamp may lie is the door's policy, not the record's: what was acknowledged is not refused here.
    """
    try:
        event = _decode_event(value)
    except _DECODE_ERRORS:
        event = _decode_forged(value)
    if not EARLIEST <= event.timestamp <= LATEST or not is_ip_address(event.ip):
        raise explain(value, LATEST)
    return event


def _decode_forged(value: bytes) -> ClickEvent:
    """For a sender that wrote the server's fields too, and of another kind: the last ones count, the others are ignored.

    Ingest has acknowledged such a click, as one with unknown fields; without this it would be refused here.
    """
    try:
        event = _decode_raw_event(value)
        received_at, peer = _decode_received_at(event.received_at), _decode_peer(event.peer)
    except _DECODE_ERRORS:
        raise explain(value, LATEST) from None
    return ClickEvent(event.click_id, event.ad_id, event.name, event.ip, event.timestamp, received_at, peer)


def encode_event(click_json: bytes, received_at: str, peer: str) -> bytes:
    """A Kafka record's value: the JSON object as it came in, with the server's two fields appended.

    ``click_json`` has been decoded before, so it ends in ``}``. Appended last because the last of two equal keys wins:
    a sender can't set them. ``received_at`` is RFC 3339, ``peer`` an IP address.
    """
    return b'%b,"received_at":"%b","peer":"%b"}' % (
        click_json.rstrip(b" \t\r\n")[:-1],
        received_at.encode(),
        peer.encode(),
    )


def explain(body: bytes, latest: datetime) -> Problem:
    """Why ``body`` is no valid click: malformed JSON, or each invalid field. ``latest`` as in ``decode_click``."""
    try:
        document = _decode_anything(body)
    except RecursionError:
        return malformed_body("is nested too deeply")
    except UnicodeDecodeError:
        return malformed_body("is not UTF-8")
    except msgspec.DecodeError as error:
        return malformed_body(str(error))
    if not isinstance(document, dict):
        return invalid_body(FieldError("body", "must be a JSON object"))
    return invalid_body(*invalid_fields(document, latest))


def invalid_fields(document: dict[str, Any], latest: datetime) -> list[FieldError]:
    """Every invalid field of a decoded JSON object, in the order in which the API documents them."""
    checks: dict[str, Callable[[object], str | None]] = {
        "clickId": _uuid_error,
        "ad_id": _uuid_error,
        "name": _name_error,
        "ip": _ip_error,
        "timestamp": partial(_timestamp_error, latest=latest),
    }
    errors = []
    for field, check in checks.items():
        error = check(document[field]) if field in document else "is required"
        if error is not None:
            errors.append(FieldError(field, error))
    return errors or [FieldError("body", "is not a valid click")]


def _uuid_error(value: object) -> str | None:
    return None if _converts(value, UUID) else "must be a UUID"


def _name_error(value: object) -> str | None:
    if not isinstance(value, str):
        return "must be a string"
    if not 1 <= len(value) <= NAME_LENGTH_MAX:
        return f"must have 1 to {NAME_LENGTH_MAX} characters"
    return None if re.search(_NO_CONTROL_CHARACTERS, value) else "must not contain control characters"


def _ip_error(value: object) -> str | None:
    return None if isinstance(value, str) and is_ip_address(value) else "must be an IPv4 or IPv6 address"


def _timestamp_error(value: object, latest: datetime) -> str | None:
    if not isinstance(value, str) or not _converts(value, _Instant):
        return "must be an RFC 3339 date and time with an offset, such as 2025-09-06T00:37:45.123Z"
    instant = msgspec.convert(value, datetime)
    if instant < EARLIEST:
        return f"must not be before {EARLIEST.date()}"
    if instant > latest:
        return "is too far in the future"
    return None


def _converts(value: object, to: Any) -> bool:
    try:
        msgspec.convert(value, to)
    except msgspec.ValidationError:
        return False
    return isinstance(value, str)
