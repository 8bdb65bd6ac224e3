"""Very many ads: the documented answer lists them all, compressed, unchanged for nothing, or by pages."""

import gzip
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from adclicks.redis_totals import RedisTotals
from adclicks.totals_cache import key
from testbed.http import Answer, Client
from testbed.installation import Installation
from testbed.polling import eventually
from testbed.taken_in import TakenClick, Taker

ADS = 30_000
_AT = datetime(2025, 9, 6, 0, 37, 45, 123_000, UTC)
_PATH = "/ads/analytics"
_GZIP = {"Accept-Encoding": "gzip"}


@pytest.fixture(scope="module")
def many(installation: Installation, taker: Taker) -> None:
    """Ads that nobody registered, a click each, in the database and in Redis."""
    installation.sql(
        f"""
        with made as (
            insert into seen_ads select gen_random_uuid(), 'name ' || n from generate_series(1, {ADS}) as n returning ad_id
        )
        insert into ad_totals select ad_id, 1, 1, 0 from made
        """  # noqa: S608 our own number
    )
    installation.sql(f"update ledger set next_offset = {ADS}, stored = {ADS} where kafka_partition = 1")  # noqa: S608
    taker.fill_redis(RedisTotals(installation.redis))


@pytest.fixture
def totals(installation: Installation, many: None) -> RedisTotals:
    """The consumer's way to write the totals."""
    return RedisTotals(installation.redis)


def rows(answer: Answer) -> list[dict[str, Any]]:
    """The ads of an answer, unpacked."""
    assert answer.status == 200
    body = gzip.decompress(answer.body) if answer.headers["Content-Encoding"] == "gzip" else answer.body
    found: list[dict[str, Any]] = json.loads(body)["data"]
    return found


def total(answer: Answer, ad: UUID) -> str | None:
    """An ad's total in an answer."""
    return {row["ad_id"]: row["total_clicks"] for row in rows(answer)}.get(str(ad))


def test_all_are_listed_plain_and_compressed(api: Client, totals: RedisTotals) -> None:
    """The same rows, in the same order; the length is told; the compressed answer is a fraction."""
    plain, packed = api.get(_PATH), api.call("GET", _PATH, headers=_GZIP)
    assert rows(plain) == rows(packed)
    assert len(rows(plain)) >= ADS
    assert [int(row["total_clicks"]) for row in rows(plain)] == sorted(
        (int(row["total_clicks"]) for row in rows(plain)), reverse=True
    )
    assert int(plain.headers["Content-Length"]) == len(plain.body)
    assert len(packed.body) < len(plain.body) / 2
    assert "gzip" not in str(plain.headers["Content-Encoding"])
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"


def test_what_a_client_has_already_is_not_sent_again(api: Client, taker: Taker, totals: RedisTotals) -> None:
    """304 for its tag, also for that of the compressed answer, until a total or a name changes."""
    packed = api.call("GET", _PATH, headers=_GZIP)
    tag = packed.headers["ETag"]
    assert "no-cache" in packed.headers["Cache-Control"]
    again = api.call("GET", _PATH, headers={"If-None-Match": tag})
    assert (again.status, again.body, again.headers["ETag"].removeprefix("W/")) == (304, b"", tag.removeprefix("W/"))
    ad = uuid4()
    taker.take_in([TakenClick(ad, _AT)])

    def look() -> None:
        answer = api.call("GET", _PATH, headers={"If-None-Match": tag})
        assert (answer.status, total(answer, ad)) == (200, "1")

    eventually(look)


def test_what_changed_is_followed_through_redis(
    api: Client, taker: Taker, totals: RedisTotals, installation: Installation
) -> None:
    """New ads and more clicks. Nothing else of Redis is read: its set lacks an ad here, and the answer has it."""
    first, second, before = uuid4(), uuid4(), uuid4()
    taker.take_in([TakenClick(before, _AT, partition) for partition in (0, 1, 2)])
    taker.fill_redis(totals)

    def is_read() -> None:
        assert total(api.get(_PATH), before) == "3"

    eventually(is_read)
    batches = [
        [TakenClick(first, _AT, partition) for partition in (0, 1, 2, 0)],
        [TakenClick(second, _AT, 2), TakenClick(first, _AT, 0)],
    ]
    for batch in batches:
        totals.update(taker.take_in(batch))
    topic_id = taker.totals()[0].topic_id
    installation.redis.zrem(key(topic_id, 1), str(first))

    def look() -> None:
        answer = api.get(_PATH)
        assert (total(answer, first), total(answer, second)) == ("5", "1")
        assert answer.headers["X-Totals-Source"] == "redis"

    eventually(look)


def test_head_tells_the_length_and_sends_nothing(api: Client, totals: RedisTotals) -> None:
    """As load balancers ask, also where the body would be sent in chunks."""
    head, whole = api.call("HEAD", _PATH, headers={}), api.get(_PATH)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(whole.body))


def test_pages_hold_each_ad_once(api: Client, totals: RedisTotals) -> None:
    """In the order of their ids, by the links; the same totals as the whole list."""
    found: list[dict[str, Any]] = []
    path: str | None = f"{_PATH}?limit=9000"
    while path:
        answer = api.get(path)
        found += rows(answer)
        assert len(rows(answer)) <= 9_000
        link = answer.headers["Link"]
        path = link[link.index("<") + 1 : link.index(">")] if link else None
    assert [row["ad_id"] for row in found] == sorted(row["ad_id"] for row in found)
    assert found == sorted(rows(api.get(_PATH)), key=lambda row: row["ad_id"])
    assert rows(api.get(f"{_PATH}?cursor={found[-2]['ad_id']}")) == found[-1:]


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("limit=0", ["limit"]),
        ("limit=10001", ["limit"]),
        ("limit=x&cursor=7", ["limit", "cursor"]),
        ("cursor=", ["cursor"]),
    ],
)
def test_a_wrong_page_is_named(api: Client, query: str, fields: list[str]) -> None:
    """Each parameter by its name."""
    answer = api.get(f"{_PATH}?{query}")
    assert (answer.status, answer.invalid_fields) == (400, fields)
