"""Ranges asked of analytics, held against a count of the raw rows."""

import http.client
import random
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import msgspec

from bench import backlog
from bench.history import DAYS
from bench.pipeline import Pipeline
from bench.service import Service
from localstack.ports import HOST

_TIMEOUT_SECONDS = 30


class _Count(msgspec.Struct, frozen=True):
    totalclicks: int


class _Answer(msgspec.Struct, frozen=True):
    data: _Count


def what_is_wrong(pipeline: Pipeline, analytics: Service, ranges: int, choice: random.Random, now: datetime) -> str:
    """Asks for ``ranges`` random ranges of the year before ``now``; empty where each equals a count of the raw rows."""
    connection = http.client.HTTPConnection(HOST, analytics.port, timeout=_TIMEOUT_SECONDS)
    with pipeline.connect() as database:
        for _ in range(ranges):
            ad = backlog.ad_id(int(backlog.ADS * choice.random() ** 3))
            start, end = sorted(now - timedelta(days=choice.uniform(0, DAYS)) for _ in range(2))
            connection.request("GET", f"/ads/{ad}/analytics?start={_text(start)}&end={_text(end)}")
            answered = msgspec.json.decode(connection.getresponse().read(), type=_Answer).data.totalclicks
            row = database.execute(
                "select count(*) from clicks where ad_id = %s and clicked_at >= %s and clicked_at < %s",
                (ad, start, end),
            ).fetchone()
            if row is None or row[0] != answered:
                return f"{answered} answered, {row and row[0]} raw rows: {ad} from {start} to {end}"
    connection.close()
    return ""


def _text(instant: datetime) -> str:
    return quote(instant.astimezone(UTC).isoformat())
