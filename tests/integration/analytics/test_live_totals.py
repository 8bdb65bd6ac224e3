"""GET /ads/analytics: never behind the ledger, with Redis or without it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from adclicks.redis_totals import RedisTotals
from adclicks.totals_cache import key
from localstack.stack import InfraStack
from testbed.http import Client
from testbed.installation import Installation
from testbed.polling import eventually
from testbed.taken_in import TakenClick, Taker

_AT = datetime(2025, 9, 6, 0, 37, 45, 123_000, UTC)
# The delay that the answer's own cache may add, and room for a busy machine.
_VISIBLE_SECONDS = 10.0


@pytest.fixture
def redis_totals(installation: Installation) -> Iterator[RedisTotals]:
    """The consumer's way to write the totals; what it wrote is gone after the test."""
    yield RedisTotals(installation.redis)
    installation.redis.flushdb()


def pretend(taker: Taker, redis_totals: RedisTotals, ad: UUID, *, ahead: int) -> None:
    """Writes complete sets that are ``ahead`` of the ledger (or behind it), with a total that is in Redis alone."""
    for complete in taker.totals():
        totals = {**complete.totals, str(ad): 1_000} if complete.partition == 0 else complete.totals
        assert redis_totals.replace(replace(complete, next_offset=complete.next_offset + ahead, totals=totals))


def expect(api: Client, ad: UUID, total: str, source: str) -> None:
    """Soon enough, this total from that store."""

    def look() -> None:
        answer = api.get("/ads/analytics")
        found = {item["ad_id"]: item["total_clicks"] for item in answer.json["data"]}
        assert (found.get(str(ad)), answer.headers["X-Totals-Source"]) == (total, source)

    eventually(look, _VISIBLE_SECONDS)


def test_every_registered_ad_is_listed_and_every_clicked_one(api: Client, taker: Taker) -> None:
    """A registered one with "0", a clicked one under the name it came with, or under its registered name."""
    registered, clicked, both = uuid4(), uuid4(), uuid4()
    for ad in (registered, both):
        api.post("/ads", json.dumps({"id": str(ad), "name": "registered"}).encode())
    taker.take_in([TakenClick(ad, _AT, name="clicked") for ad in (clicked, both, both)])
    expected = [
        {"ad_id": str(both), "name": "registered", "total_clicks": "2"},
        {"ad_id": str(clicked), "name": "clicked", "total_clicks": "1"},
        {"ad_id": str(registered), "name": "registered", "total_clicks": "0"},
    ]

    def look() -> None:
        ours = {item["ad_id"] for item in expected}
        assert [item for item in api.get("/ads/analytics").json["data"] if item["ad_id"] in ours] == expected

    eventually(look, _VISIBLE_SECONDS)


def test_a_new_name_is_shown_though_no_click_came(api: Client) -> None:
    """The answer depends on the ads as well, not on the ledger alone."""
    ad = api.post("/ads", b'{"name":"before"}').json["data"]["id"]

    def look(name: str) -> None:
        assert [item["name"] for item in api.get("/ads/analytics").json["data"] if item["ad_id"] == ad] == [name]

    eventually(lambda: look("before"), _VISIBLE_SECONDS)
    api.call("PUT", f"/ads/{ad}", b'{"name":"after"}')
    eventually(lambda: look("after"), _VISIBLE_SECONDS)


def test_redis_answers_where_it_is_complete_and_as_new_as_the_ledger(
    api: Client, taker: Taker, redis_totals: RedisTotals
) -> None:
    """A total that stands in Redis alone comes back: nobody asked PostgreSQL."""
    ad = uuid4()
    taker.take_in([TakenClick(ad, _AT, partition) for partition in (0, 1, 2)])
    pretend(taker, redis_totals, ad, ahead=1)
    taker.take_in([TakenClick(uuid4(), _AT)])
    expect(api, ad, "1002", "redis")


@pytest.mark.parametrize("trouble", ["behind", "one set gone", "one set incomplete", "flushed"])
def test_redis_is_not_believed_where_it_can_be_wrong(
    api: Client, taker: Taker, redis_totals: RedisTotals, installation: Installation, trouble: str
) -> None:
    """An old snapshot, an evicted key, a write after a flush, nothing at all: PostgreSQL answers, and is right."""
    ad = uuid4()
    taker.take_in([TakenClick(ad, _AT, partition) for partition in (0, 1, 2)])
    pretend(taker, redis_totals, ad, ahead=0 if trouble == "behind" else 1_000)
    damaged = key(taker.totals()[1].topic_id, 1)
    if trouble == "one set gone":
        installation.redis.delete(damaged)
    elif trouble == "one set incomplete":
        installation.redis.zrem(damaged, "next_offset")
    elif trouble == "flushed":
        installation.redis.flushdb()
    taker.take_in([TakenClick(ad, _AT, partition) for partition in (0, 1, 2)])
    expect(api, ad, "6", "postgresql")


def test_without_redis_all_is_right_and_it_is_used_again_when_it_is_back(
    api: Client, taker: Taker, redis_totals: RedisTotals, infra: InfraStack
) -> None:
    """Stopped: PostgreSQL answers. Started and filled: Redis answers, without a restart of the service."""
    ad = uuid4()
    infra.valkey.stop()
    try:
        taker.take_in([TakenClick(ad, _AT)])
        expect(api, ad, "1", "postgresql")
        assert api.get("/healthz/ready").status == 200
    finally:
        infra.valkey.start()

    def look() -> None:
        # Each click moves the ledger; else the answer would stay what it is.
        pretend(taker, redis_totals, ad, ahead=1)
        taker.take_in([TakenClick(uuid4(), _AT)])
        answer = api.get("/ads/analytics")
        assert answer.headers["X-Totals-Source"] == "redis"

    eventually(look, _VISIBLE_SECONDS)


def test_totals_agree_with_a_count_of_all(api: Client, taker: Taker, installation: Installation) -> None:
    """After all that the tests before have written, whatever stood in Redis meanwhile."""
    taker.take_in([TakenClick(uuid4(), _AT)])

    def look() -> None:
        found = {item["ad_id"]: int(item["total_clicks"]) for item in api.get("/ads/analytics").json["data"]}
        assert {ad: clicks for ad, clicks in found.items() if clicks} == installation.counts()

    eventually(look, _VISIBLE_SECONDS)
