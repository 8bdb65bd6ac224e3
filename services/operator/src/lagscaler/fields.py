"""Reads JSON field by field; what is wrong is collected under the field's path, and reading goes on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lagscaler.policy.settings import Problem

_LONGEST_NAME = 253
# Of an object. It becomes part of a path at the API server, with the operator's rights: "../" would lead anywhere.
_NAME = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?"


class Problems:
    """What was found to be wrong."""

    def __init__(self) -> None:
        self.found: list[Problem] = []


class Fields:
    """A JSON object at `path`. A bad field reads as a harmless value: the problem is noted, nobody uses the rest."""

    def __init__(self, raw: object, path: str, problems: Problems) -> None:
        self._path, self._problems, self._known = path, problems, set[str]()
        self.raw: Mapping[str, Any] = raw if isinstance(raw, Mapping) else {}
        if not isinstance(raw, Mapping):
            problems.found.append(Problem(path, "must be set" if raw is None else "must be an object"))

    def path(self, name: str) -> str:
        return f"{self._path}.{name}"

    def problem(self, name: str, remedy: str) -> None:
        self._problems.found.append(Problem(self.path(name), remedy))

    def child(self, name: str) -> Fields:
        return Fields(self._take(name), self.path(name), self._problems)

    def optional_child(self, name: str) -> Fields | None:
        return None if self._take(name) is None else self.child(name)

    def nothing_else(self) -> None:
        """Notes every field that was never asked for: a typo must not pass for a default."""
        for name in sorted(set(self.raw) - self._known):
            self.problem(name, "is not a field of it")

    def optional_text(self, name: str) -> str | None:
        return None if self._take(name) is None else self.text(name)

    def text(self, name: str, default: str | None = None, longest: int = _LONGEST_NAME) -> str:
        value = self._take(name, default)
        if isinstance(value, str) and 1 <= len(value) <= longest:
            return value
        self.problem(name, f"must be a text of 1 to {longest} characters")
        return ""

    def name(self, name: str) -> str:
        """The name of a Kubernetes object."""
        value = self._take(name)
        if isinstance(value, str) and len(value) <= _LONGEST_NAME and re.fullmatch(_NAME, value):
            return value
        self.problem(name, "must be the name of an object")
        return ""

    def optional_name(self, name: str) -> str | None:
        return None if self._take(name) is None else self.name(name)

    def pattern(self, name: str, pattern: str, remedy: str) -> str:
        value = self._take(name)
        if isinstance(value, str) and re.fullmatch(pattern, value):
            return value
        self.problem(name, remedy)
        return ""

    def choice(self, name: str, choices: tuple[str, ...], default: str | None = None) -> str:
        value = self._take(name, default)
        if isinstance(value, str) and value in choices:
            return value
        self.problem(name, f"must be {' or '.join(choices)}")
        return choices[0]

    def whole(self, name: str, low: int, high: int, default: int | None = None) -> int:
        value = self._take(name, default)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.problem(name, f"must be a whole number from {low} to {high}")
        return low

    def positive(self, name: str) -> float:
        value = self._take(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf"):
            return float(value)
        self.problem(name, "must be a number above 0; take it from a load test of one consumer")
        return 1.0

    def children(self, name: str) -> list[Fields]:
        """The objects of a list; empty without it."""
        value = self._take(name, [])
        if not isinstance(value, list):
            self.problem(name, "must be a list")
            return []
        return [Fields(raw, f"{self.path(name)}[{number}]", self._problems) for number, raw in enumerate(value)]

    def anything(self, name: str) -> Any:
        """The field as it is, None without it."""
        return self._take(name)

    def _take(self, name: str, default: object = None) -> Any:
        self._known.add(name)
        value = self.raw.get(name)
        return default if value is None else value
