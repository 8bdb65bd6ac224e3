"""Clicks through ingest's acceptance and the consumer's transaction, and what PostgreSQL has held against their meaning."""

import ipaddress
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import psycopg

from acceptance.grammar import Candidate, Clicks, Meaning, damaged
from adclicks.click import Click, decode_click, encode_event
from adclicks.errors import Problem
from adclicks.kafka import Watermarks
from consumer.batch import BatchBuilder, Receipt, Record
from consumer.ledger import positions
from consumer.store import Store, Topic

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_AHEAD = timedelta(hours=24)
_DAMAGED_SHARE = 0.02
_MISMATCHES_KEPT = 20
# As ingest gives them: of the connection, or out of X-Forwarded-For.
_PEERS = ("192.0.2.7", "2001:db8::7", "2001:DB8:0:0:0:0:0:7", "::ffff:192.0.2.7", "fe80::1%eth0")
_BATCH_CLICKS = 10_000
# Random values of each field in a batch.
_VALUES = 1_000
# All that grows with the clicks, but for the ledger. 10 million clicks of as many ads would be 10 GB.
_EMPTY = (
    "truncate click_ids, clicks, clicks_by_minute, clicks_by_hour, clicks_by_day, clicks_by_month, ad_totals, seen_ads"
)
_STORED = """
select kafka_offset, click_id::text, ad_id::text, name, substring(inet_send(ip) from 5),
    (extract(epoch from clicked_at) * 1000000)::bigint
from clicks where kafka_partition = %s order by kafka_offset
"""


@dataclass
class Outcome:
    """``mismatches``: the first bodies of which something else is stored, or nothing, with what is stored."""

    accepted: int = 0
    refused_by_ingest: int = 0
    stored: int = 0
    mismatches: list[str] = field(default_factory=list)


class Acceptance:
    """Works on one Kafka partition's ledger of a database that is its own, with the current schema."""

    def __init__(self, connection: psycopg.Connection, partition: int, seed: int) -> None:
        """``connection`` is in autocommit mode. The same ``seed`` makes the same clicks, but for the time of day."""
        self._connection = connection
        self._partition = partition
        self._random = Random(seed)  # noqa: S311 the same seed makes the same clicks
        self._numbers = itertools.count(seed << 40)
        self._topic = Topic("acceptance", str(seed))
        self._store = Store(connection, self._topic)
        marks = {partition: Watermarks(0, 2**62)}
        self._offset = positions(connection, self._topic, marks)[partition]
        self.outcome = Outcome()

    def round(self, clicks: int) -> None:
        """Takes in what ingest accepts of ``clicks``, and compares; adds to ``outcome``. Leaves nothing but the ledger."""
        begin = self._offset
        sent: list[Candidate] = []
        for done in range(0, clicks, _BATCH_CLICKS):
            sent += self._write(min(_BATCH_CLICKS, clicks - done))
        self._compare(begin, sent)
        self._connection.execute(_EMPTY)

    def _write(self, clicks: int) -> list[Candidate]:
        now = datetime.now(UTC)
        sent = list(self._accepted(clicks, now))
        builder = BatchBuilder()
        receipt = Receipt.on(now.date())
        stamp = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
        for body, _meaning in sent:
            value = encode_event(body, stamp, self._random.choice(_PEERS))
            builder.add(self._offset, Record(self._partition, self._offset, None, value, 0), receipt)
            self._offset += 1
        self._store.write(builder.take())
        return sent

    def _accepted(self, clicks: int, now: datetime) -> Iterator[Candidate]:
        latest = now + _MAX_AHEAD
        for made in Clicks(self._random, _micros(latest), _VALUES, self._numbers).take(clicks):
            is_damaged = self._random.random() < _DAMAGED_SHARE
            body = damaged(self._random, made.body) if is_damaged else made.body
            try:
                click = decode_click(body, latest)
            except Problem:
                self.outcome.refused_by_ingest += 1
                if not is_damaged:
                    self._mismatch(body, "refused by ingest")
                continue
            self.outcome.accepted += 1
            # What a damaged one means is for ingest to say: it answers 202 to it.
            yield Candidate(body, _meaning_of(click) if is_damaged else made.meaning)

    def _compare(self, begin: int, sent: Sequence[Candidate]) -> None:
        with self._connection.cursor() as cursor:
            stored: dict[int, tuple[Any, ...]] = {
                row[0]: row[1:] for row in cursor.execute(_STORED, (self._partition,), binary=True)
            }
        self.outcome.stored += len(stored)
        for offset, (body, meaning) in enumerate(sent, begin):
            if stored.get(offset) != meaning:
                self._mismatch(body, repr(stored.get(offset)))

    def _mismatch(self, body: bytes, instead: str) -> None:
        if len(self.outcome.mismatches) < _MISMATCHES_KEPT:
            self.outcome.mismatches.append(f"{body!r}: {instead}")


def _meaning_of(click: Click) -> Meaning:
    packed = ipaddress.ip_address(click.ip).packed
    return Meaning(str(click.click_id), str(click.ad_id), click.name, packed, _micros(click.timestamp))


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)
