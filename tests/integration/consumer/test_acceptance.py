"""What ingest acknowledges PostgreSQL stores, and as it was meant: two parsers never disagree about a click."""

import ipaddress
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from acceptance.check import Acceptance
from adclicks.click import Click, decode_click, encode_event
from adclicks.errors import Problem
from adclicks.kafka import Watermarks
from consumer.batch import BatchBuilder, Receipt, Record
from consumer.ledger import positions
from consumer.store import Store, Topic
from testbed.clicks import EXAMPLE, Json, encode
from testbed.installation import Installation

CLICKS = 10_000
STAMP = "2025-09-07T12:00:00.000001Z"
PEER = "192.0.2.7"
_offsets = itertools.count()


@pytest.fixture(scope="module")
def connection(installation: Installation) -> Iterator[psycopg.Connection]:
    """In autocommit mode."""
    with installation.connect() as connection:
        yield connection


@pytest.fixture(scope="module")
def store(connection: psycopg.Connection) -> Store:
    """Its ledger begins at 0, with the first of ``_offsets``."""
    topic = Topic("property", uuid4().hex)
    positions(connection, topic, {0: Watermarks(0, 2**62)})
    return Store(connection, topic)


def _shaped(*shapes: str) -> st.SearchStrategy[str]:
    """Texts of these shapes: what a lenient or a strict reader of the field may take for valid."""
    return st.one_of(*(st.from_regex(rf"\A(?:{shape})\Z", fullmatch=True) for shape in shapes))


TIMESTAMPS = _shaped(
    r"[0-9]{4}-[01][0-9]-[0-3][0-9][Tt _][0-2][0-9]:[0-5][0-9]:[0-6][0-9](?:[.,][0-9]{0,12})?(?:[Zz]|[+-][0-2][0-9]:?[0-6]9)",
    r"20[0-2][0-9]-(?:0[1-9]|1[0-2])-[0-2][0-9]T(?:[01][0-9]|2[0-4]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]{1,9})?[+-]2?[0-9]{1,2}:[0-5][0-9]",
    r"(?:0001-01-0[1-4]|9999-12-(?:29|3[01]))T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](?:\.9{1,9})?(?:Z|[+-][0-2][0-9]:[0-5][0-9])",
    r"[0-9]{4}-W[0-5][0-9]-[1-7]T[0-2][0-9]:00:00Z|[0-9]{8}T[0-9]{6}Z|infinity|epoch|now",
)
ADDRESSES = _shaped(
    r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(?:/[0-9]{1,2})?",
    r"(?:[0-9a-fA-F]{1,5}:){0,7}:?(?::[0-9a-fA-F]{1,4}){0,7}(?:%[a-z]{1,3})?",
    r"(?:::ffff:|::|1:2:3:4:5:6:|64:ff9b::)[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}",
    r"(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}",
) | st.ip_addresses().map(str)
UUIDS = _shaped(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
    r"[0-9a-fA-F]{32}|\{[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\}|urn:uuid:[0-9a-f-]{36}",
    r"(?:[0-9a-fA-F]{4}-?){8}",
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30) | st.sampled_from(
    ["null", "\\N", "\\.", '"', "\\", "\u2028", "\ufffe", "\uffff", "\U0010ffff", "\ufeff", "'", "a,b"]
)
CLICK_JSON = st.fixed_dictionaries(
    {"clickId": UUIDS, "ad_id": UUIDS, "name": NAMES, "ip": ADDRESSES, "timestamp": TIMESTAMPS},
    optional={
        "received_at": TIMESTAMPS | st.none() | st.integers(),
        "peer": ADDRESSES | st.none() | st.integers(),
        "x": NAMES,
    },
)


def example_with(**fields: object) -> list[Json]:
    """The documented example with ``fields`` in place of its own."""
    return [{**EXAMPLE, **fields}]


# One with only one field that is unusual reaches PostgreSQL more often than one where all of them are.
ONE_FIELD = st.one_of(
    *(
        st.builds(lambda field, value: {**EXAMPLE, field: value}, st.just(field), values)
        for field, values in (("clickId", UUIDS), ("name", NAMES), ("ip", ADDRESSES), ("timestamp", TIMESTAMPS))
    )
)


@settings(max_examples=30)
@given(clicks=st.lists(ONE_FIELD | CLICK_JSON, min_size=1, max_size=10))
@example(clicks=example_with(timestamp="2025-09-06T00:37:45.123+16:00"))
@example(clicks=example_with(timestamp="2025-09-06T00:37:45.123-23:59"))
def test_what_ingest_accepts_postgresql_stores_as_it_was_meant(
    connection: psycopg.Connection, store: Store, clicks: list[Json]
) -> None:
    """For every text of each field that one of the two may read otherwise than the other."""
    accepted = [(body, click) for body in map(encode, clicks) if (click := _accepted(body)) is not None]
    if not accepted:
        return
    builder = BatchBuilder()
    expected = {}
    for body, click in accepted:
        offset = next(_offsets)
        record = Record(0, offset, None, encode_event(body, STAMP, PEER), 0)
        builder.add(offset, record, Receipt.on(datetime.now(UTC).date()))
        expected.setdefault(click.click_id, (offset, *_meaning(click)))

    batch = builder.take()
    assert batch.rejects == []
    connection.execute("delete from clicks; delete from click_ids")
    store.write(batch)

    assert dict(_stored(connection)) == expected


def test_thousands_of_random_clicks_are_stored_as_they_were_meant(installation: Installation) -> None:
    """As `make acceptance`, which sends 10 million: by the grammar of each field, whole and a little damaged."""
    with installation.connect() as connection:
        acceptance = Acceptance(connection, partition=1, seed=1)
        acceptance.round(CLICKS)

    outcome = acceptance.outcome
    assert outcome.mismatches == []
    assert outcome.accepted == outcome.stored > CLICKS * 0.98


def _accepted(body: bytes) -> Click | None:
    try:
        return decode_click(body, datetime.now(UTC) + timedelta(hours=24))
    except Problem:
        return None


def _meaning(click: Click) -> tuple[object, ...]:
    return click.ad_id, click.name, ipaddress.ip_address(click.ip), click.timestamp.astimezone(UTC), PEER, STAMP


def _stored(connection: psycopg.Connection) -> Iterator[tuple[Any, tuple[object, ...]]]:
    columns = "click_id, kafka_offset, ad_id, name, ip, clicked_at, host(peer), received_at"
    for click_id, *values, received_at in connection.execute(f"select {columns} from clicks".encode()):  # noqa: S608 our own names
        yield click_id, (*values, received_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
