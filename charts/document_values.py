"""Writes values.schema.json and the table of values in README.md from the comments of values.yaml.

``python charts/document_values.py`` writes both; with ``--check`` it only says whether they are up to date (exit code 1).
"""
# ruff: noqa: T201 a command line prints

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "ads-click-tracking"
BEGIN, END = "<!-- values: begin -->", "<!-- values: end -->"
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


@dataclass(frozen=True)
class Value:
    """One key of values.yaml: its path, its comment, its default, and what narrows its schema."""

    path: tuple[str, ...]
    default: Any  # any YAML
    comment: str = ""
    narrower: dict[str, Any] = field(default_factory=dict)  # JSON schema

    @property
    def is_group(self) -> bool:
        """Whether its keys are values of their own."""
        return isinstance(self.default, dict) and not self.narrower.get("open")


def read_values(text: str) -> list[Value]:
    """Every key in block style with the comment lines right above it. Raises ``ValueError`` for one without a comment."""
    defaults, found = yaml.safe_load(text), []
    path: list[str] = []
    comments: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            comments.append(stripped.lstrip("# "))
        elif not stripped:
            comments = []
        else:
            depth = (len(line) - len(line.lstrip())) // 2
            path = [*path[:depth], stripped.split(":")[0]]
            found.append(_value(tuple(path), defaults, comments))
            comments = []
    return found


def _value(path: tuple[str, ...], defaults: dict[str, Any], comments: list[str]) -> Value:
    default: Any = defaults
    for key in path:
        default = default[key]
    rules = [line.removeprefix("@schema ") for line in comments if line.startswith("@schema ")]
    comment = " ".join(line for line in comments if not line.startswith("@schema "))
    value = Value(path, default, comment, json.loads(rules[0]) if rules else {})
    if not comment and not value.is_group:
        raise ValueError(f"values.yaml: {'.'.join(path)} has no comment")
    return value


def schema(values: list[Value]) -> dict[str, Any]:
    """A JSON schema in which every object takes its known keys only."""
    root: dict[str, Any] = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart ads-click-tracking",
        **_object(),
    }
    # An umbrella chart hands these to each of its parts: values for all of them, and the switch of its `condition:`.
    root["properties"]["global"] = {"type": "object"}
    root["properties"]["enabled"] = {"type": "boolean"}
    for value in values:
        parent = root
        for key in value.path[:-1]:
            parent = parent["properties"][key]
        parent["properties"][value.path[-1]] = _leaf(value)
    return root


def _object() -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": {}}


def _leaf(value: Value) -> dict[str, Any]:
    if value.is_group:
        return _object()
    narrower = {key: rule for key, rule in value.narrower.items() if key != "open"}
    description = {"description": value.comment} if value.comment else {}
    return {"type": _TYPES[type(value.default)], **description, **narrower}


def table(values: list[Value]) -> str:
    """The values as Markdown, a table for each top-level group."""
    lines, group = [], None
    for value in sorted(values, key=lambda value: len(value.path) > 1):
        if value.is_group:
            continue
        top = value.path[0] if len(value.path) > 1 else ""
        if top != group:
            group = top
            lines += ["", f"### {group or 'General'}", "", "| value | default | meaning |", "| --- | --- | --- |"]
        choices = value.narrower.get("enum", [])
        meaning = value.comment + (f" One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else "")
        default = json.dumps(value.default, ensure_ascii=False)
        lines.append(f"| `{'.'.join(value.path)}` | `{default}` | {meaning.replace('|', chr(92) + '|')} |")
    return "\n".join(lines).strip()


def documents() -> dict[Path, str]:
    """Each file that is made, with what it should hold."""
    values = read_values((CHART / "values.yaml").read_text())
    readme = (CHART / "README.md").read_text()
    before, rest = readme.split(BEGIN)
    after = rest.split(END)[1]
    return {
        CHART / "values.schema.json": json.dumps(schema(values), indent=2, ensure_ascii=False) + "\n",
        CHART / "README.md": f"{before}{BEGIN}\n{table(values)}\n{END}{after}",
    }


def main(arguments: list[str]) -> int:
    """Returns the exit code."""
    outdated = [path for path, text in documents().items() if not path.exists() or path.read_text() != text]
    if "--check" in arguments:
        for path in outdated:
            print(f"{path} is out of date: run `make chart-docs`", file=sys.stderr)
        return 1 if outdated else 0
    for path, text in documents().items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
