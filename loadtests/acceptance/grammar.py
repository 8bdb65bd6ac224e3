"""A click's JSON by the grammar that ingest accepts, and what PostgreSQL has to have of it. Pure; randomness comes in."""

import itertools
import json
from collections.abc import Iterator
from operator import itemgetter
from random import Random
from typing import NamedTuple

from acceptance import fields

_ORDERS = [itemgetter(*order) for order in itertools.permutations(range(5))]
_JSON_SPACE = ("", "", "", " ", "\n", "\t", "\r\n ")
# What a sender may add: unknown fields, and the two that ingest writes itself; of any kind, and not even UTF-8.
_EXTRA_NAMES = ('"x"', '"received_at"', '"peer"', '"clickid"', '"re\\u0063eived_at"', '"\\ud83e\\udd86"', '""')
_EXTRA_VALUES = (
    "1",
    "null",
    "[]",
    '{"a":{"b":[1,2]}}',
    '"1999-01-01T00:00:00Z"',
    '"192.0.2.1"',
    "-1.5e300",
    "1e999",
    "9" * 60,
    '"\\u0000"',
    '"a\\"b\\\\"',
    "true",
)


class Meaning(NamedTuple):
    """What has to be stored. Ids in their usual form, the address's bytes, microseconds since 1970."""

    click_id: str
    ad_id: str
    name: str
    ip: bytes
    clicked_at: int


class Candidate(NamedTuple):
    """A request's body, and what it means."""

    body: bytes
    meaning: Meaning


class Clicks:
    """Clicks that ingest accepts, from ``values`` random values of each field; each click has an id of its own.

    ``latest``: the newest timestamp, microseconds since 1970. ``numbers`` gives no number twice.
    """

    def __init__(self, random: Random, latest: int, values: int, numbers: Iterator[int]) -> None:
        self._random = random
        self._numbers = numbers
        names = [fields.name(random) for _ in range(values)]
        addresses = [fields.address(random) for _ in range(values)]
        instants = [fields.instant(random, latest) for _ in range(values)]
        # Fewer, as in life: so that the sums of many clicks add up to one row.
        ads = [fields.uuid(random) for _ in range(max(1, values // 50))]
        # As JSON, with the key before it.
        self._names = [(_member(random, "name", name), name) for name in names]
        self._addresses = [(_member(random, "ip", text), packed) for text, packed in addresses]
        self._instants = [(_member(random, "timestamp", text), micros) for text, micros in instants]
        self._ads = [(_member(random, "ad_id", text), ad_id) for text, ad_id in ads]

    def take(self, count: int) -> Iterator[Candidate]:
        """``count`` more."""
        random = self._random
        ads, names = random.choices(self._ads, k=count), random.choices(self._names, k=count)
        addresses, instants = random.choices(self._addresses, k=count), random.choices(self._instants, k=count)
        orders, spaces = random.choices(_ORDERS, k=count), random.choices(_JSON_SPACE, k=count)
        for ad, name, address, instant, order, space in zip(
            ads, names, addresses, instants, orders, spaces, strict=True
        ):
            click_id_text, click_id = fields.unique_uuid(random, next(self._numbers))
            members = order((f'"clickId":"{click_id_text}"', ad[0], name[0], address[0], instant[0]))
            kind = random.random()
            if kind < 0.3:
                members = _with_more(random, kind, members)
            body = f"{space}{{{space}{f'{space},{space}'.join(members)}{space}}}{space}".encode()
            yield Candidate(body, Meaning(click_id, ad[1], name[1], address[1], instant[1]))


def _with_more(random: Random, kind: float, members: tuple[str, ...]) -> tuple[str, ...]:
    if kind < 0.05:
        # Of two equal keys the last one counts; the first has to be valid as well.
        return ('"name":"another"', *members)
    extra = f"{random.choice(_EXTRA_NAMES)}:{random.choice(_EXTRA_VALUES)}"
    return (extra, *members) if kind < 0.2 else (*members, extra)


def damaged(random: Random, body: bytes) -> bytes:
    """``body`` with a few bytes changed: ingest decides whether that is a click still."""
    changed = bytearray(body)
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(changed))
        changed[place : place + random.randint(0, 2)] = random.choice(
            (
                b"0",
                b"9",
                b":",
                b".",
                b"-",
                b"+",
                b" ",
                b"\\",
                b'"',
                b"Z",
                b"\xc3\xbf",
                b"\xff",
                b"\\u00e9",
                b"60",
                b"24",
            )
        )
    return bytes(changed)


def _member(random: Random, key: str, text: str) -> str:
    key_json = f'"{key}"' if random.random() < 0.95 else _escaped(key)
    kind = random.random()
    value_json = _escaped(text) if kind < 0.1 else json.dumps(text, ensure_ascii=kind < 0.4)
    space = random.choice(_JSON_SPACE)
    return f"{key_json}{space}:{space}{value_json}"


def _escaped(text: str) -> str:
    units = text.encode("utf-16-be")
    return '"' + "".join(f"\\u{units[at]:02x}{units[at + 1]:02X}" for at in range(0, len(units), 2)) + '"'
