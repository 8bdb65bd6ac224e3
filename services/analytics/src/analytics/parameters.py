"""Reads path and query parameters, and collects all that is wrong with them. Pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import msgspec

from adclicks.click import EARLIEST
from adclicks.errors import FieldError, invalid_query
from analytics.ranges import LATEST, Range

_Instant = Annotated[datetime, msgspec.Meta(tz=True)]
# A '+' that was not written %2B arrives as a space, and nothing else can stand before an offset.
_LOST_PLUS = re.compile(r" (?=[0-9]{2}:[0-9]{2}\Z)")
_NOT_AN_INSTANT = "must be an RFC 3339 date and time with an offset, such as 2025-09-06T00:37:45.123Z"


def only_id(name: str, text: str) -> UUID:
    """The id in a path that takes no other parameters. Raises ``Problem`` (400)."""
    parameters = Parameters({})
    object_id = parameters.path_id(name, text)
    parameters.check()
    return object_id


@dataclass(frozen=True)
class AskedRange:
    """A range, and its two ends as they were asked for."""

    range: Range
    start: str
    end: str


class Parameters:
    """Reads one parameter after the other; ``check`` then raises what was wrong with any of them.

    Where a parameter is wrong, what is returned stands in for it until ``check``.
    """

    def __init__(self, query: Mapping[str, str | list[str]]) -> None:
        self._query = query
        self._errors: list[FieldError] = []

    def check(self) -> None:
        """Raises ``Problem`` (400) that lists every wrong parameter."""
        if self._errors:
            raise invalid_query(*self._errors)

    def path_id(self, name: str, text: str) -> UUID:
        """An id out of the path."""
        try:
            return msgspec.convert(text, UUID)
        except msgspec.ValidationError:
            self._wrong(name, "must be a UUID")
            return UUID(int=0)

    def optional_id(self, name: str) -> UUID | None:
        """An id that may be left out."""
        text = self._one(name)
        return None if text is None else self.path_id(name, text)

    def whole(self, name: str, low: int, high: int, default: int) -> int:
        """A whole number from ``low`` to ``high``."""
        text = self._one(name)
        if text is None:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            self._wrong(name, f"must be a whole number from {low} to {high}")
            return default
        return int(text)

    def choice(self, name: str, choices: Collection[str]) -> str:
        """One of ``choices``; required."""
        text = self._one(name)
        if text is None or text not in choices:
            self._wrong(name, "is required" if text is None else f"must be one of {', '.join(choices)}")
            return next(iter(choices))
        return text

    def range(self) -> AskedRange:
        """``start`` and ``end``, both required, start before end."""
        start_text, end_text = self._instant_text("start"), self._instant_text("end")
        before = len(self._errors)
        start, end = self._instant("start", start_text), self._instant("end", end_text)
        if len(self._errors) == before and start >= end:
            self._wrong("start", "must be before end")
            self._wrong("end", "must be after start")
        return AskedRange(Range(min(start, end), max(start, end)), start_text or "", end_text or "")

    def wrong(self, name: str, error: str) -> None:
        """Adds what a caller found wrong itself."""
        self._wrong(name, error)

    def _instant_text(self, name: str) -> str | None:
        text = self._one(name)
        return None if text is None else _LOST_PLUS.sub("+", text)

    def _instant(self, name: str, text: str | None) -> datetime:
        if text is None:
            self._wrong(name, "is required")
            return EARLIEST
        try:
            instant = msgspec.convert(text, _Instant)
        except msgspec.ValidationError:
            self._wrong(name, _NOT_AN_INSTANT)
            return EARLIEST
        if not EARLIEST <= instant <= LATEST:
            self._wrong(name, f"must lie between {EARLIEST.date()} and {LATEST.date()}")
            return EARLIEST
        return instant.astimezone(UTC)

    def _one(self, name: str) -> str | None:
        value = self._query.get(name)
        if isinstance(value, list):
            self._wrong(name, "must be given once")
            return value[0]
        return value

    def _wrong(self, name: str, error: str) -> None:
        if all(known.field != name for known in self._errors):
            self._errors.append(FieldError(name, error))
