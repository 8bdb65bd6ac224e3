"""The ceiling of ads that nobody has registered: exact an hour, over several consumers, and never a lost click."""

import json
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest

from adclicks.audit import AUDIT_SQL, audit
from consumer.batch import Batch
from consumer.listing import share_of
from consumer.store import Store, Topic
from testbed.batches import batch_of, place
from testbed.clicks import new_click
from testbed.installation import Installation
from testbed.polling import eventually

HOUR = datetime(2026, 11, 26, 13, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def nothing_listed(connection: psycopg.Connection) -> None:
    """The tests share a database, and the partitions' numbers."""
    connection.execute("delete from listed_ads")


def clicks_of(ads: list[str], begin: int = 0, partition: int = 0) -> Batch:
    """A click each."""
    return batch_of([new_click(ad_id=ad) for ad in ads], begin=begin, partition=partition)


def new_ads(count: int) -> list[str]:
    """Ids that nobody has seen."""
    return [str(uuid4()) for _ in range(count)]


def listed(connection: psycopg.Connection, ads: list[str]) -> int:
    """How many of ``ads`` are listed."""
    row = connection.execute("select count(*) from seen_ads where ad_id = any(%s::uuid[])", (ads,)).fetchone()
    return int(row[0]) if row else 0


def store_at(connection: psycopg.Connection, topic: Topic, per_hour: int, hour: datetime = HOUR) -> Store:
    """A store whose clock stands."""
    store = Store(connection, topic, per_hour)
    store._listed_ads._clock = lambda: hour
    return store


def test_no_more_are_listed_than_the_ceiling_and_all_are_counted(connection: psycopg.Connection, topic: Topic) -> None:
    """Across the batch that reaches it and those after; the audit adds up; known ads are no new ones."""
    place(connection, topic, 0)
    store, ads = store_at(connection, topic, 25), new_ads(60)
    outcomes = [store.write(clicks_of(ads[:20])), store.write(clicks_of(ads, 20)), store.write(clicks_of(ads, 80))]
    assert [(outcome.listed.ads, outcome.listed.closed) for outcome in outcomes] == [(20, False), (5, True), (0, True)]
    assert (listed(connection, ads), listed(connection, ads[:20])) == (25, 20)
    totals = dict(connection.execute("select ad_id::text, sum(clicks)::int from ad_totals group by 1").fetchall())
    assert {ad: totals[ad] for ad in ads} == {ad: 3 if ad in ads[:20] else 2 for ad in ads}
    assert audit(connection.execute(AUDIT_SQL.encode()).fetchall(), None).adds_up


def test_another_hour_lists_them_when_they_are_clicked_again(connection: psycopg.Connection, topic: Topic) -> None:
    """As many as that hour allows."""
    place(connection, topic, 0)
    store, ads = store_at(connection, topic, 10), new_ads(30)
    store.write(clicks_of(ads))
    store._listed_ads._clock = lambda: HOUR.replace(hour=14)
    assert store.write(clicks_of(ads, 30)).listed.ads == 10
    assert listed(connection, ads) == 20


def test_registered_ads_need_no_allowance(connection: psycopg.Connection, topic: Topic) -> None:
    """They are listed because they are registered, however many there are."""
    place(connection, topic, 0)
    store, ads, others = store_at(connection, topic, 3), new_ads(8), new_ads(2)
    for ad in ads:
        connection.execute("insert into ads (id, name) values (%s, 'x')", (ad,))
    assert store.write(clicks_of([*ads, *others])).listed.ads == 2
    assert listed(connection, others) == 2


def test_consumers_that_share_the_partitions_share_the_ceiling(
    connection: psycopg.Connection, installation: Installation, topic: Topic
) -> None:
    """Each partition has a part of it; a partition that changes its consumer takes its count along."""
    place(connection, topic, *range(4))
    with installation.connect() as other:
        first, second = store_at(connection, topic, 10), store_at(other, topic, 10)
        ads = [new_ads(5) for _ in range(6)]
        counts = [
            first.write(clicks_of(ads[0], partition=0)).listed.ads,
            second.write(clicks_of(ads[1], partition=1)).listed.ads,
            second.write(clicks_of(ads[2], partition=2)).listed.ads,
            first.write(clicks_of(ads[3], partition=3)).listed.ads,
            second.write(clicks_of(ads[4], 5, partition=0)).listed.ads,
            first.write(clicks_of(ads[5], 5, partition=1)).listed.ads,
        ]
    assert counts == [3, 3, 2, 2, 0, 0]
    assert listed(connection, [ad for five in ads for ad in five]) == 10


def test_a_batch_that_is_rolled_back_uses_nothing_up(connection: psycopg.Connection, topic: Topic) -> None:
    """Refused by PostgreSQL after its names were listed: the same allowance is there for the next one."""
    place(connection, topic, 0)
    store, ads = store_at(connection, topic, 10), new_ads(10)
    connection.execute("alter table ledger add constraint refuse check (next_offset < 1) not valid")
    with pytest.raises(psycopg.IntegrityError):
        store.write(clicks_of(ads))
    connection.execute("alter table ledger drop constraint refuse")
    assert store.write(clicks_of(ads)).listed.ads == 10


@pytest.mark.parametrize(("per_hour", "partitions"), [(10, 4), (3, 24), (1, 1), (10_000, 7)])
def test_the_parts_add_up_to_the_ceiling(per_hour: int, partitions: int) -> None:
    """No more, no less."""
    assert sum(share_of(per_hour, partition, partitions) for partition in range(partitions)) == per_hour


def test_an_unlisted_ad_is_in_the_answer_once_it_is_registered(installation: Installation) -> None:
    """Through the services: counted under its id all the time; not in the list; then in it, with all of its clicks."""
    consumer = installation.service("consumer", UNREGISTERED_ADS_PER_HOUR="4")
    analytics = installation.service("analytics")
    ad, others = str(uuid4()), new_ads(40)
    installation.produce([json.dumps(new_click(ad_id=other)).encode() for other in others])
    installation.settled()
    installation.produce([json.dumps(new_click(ad_id=ad)).encode() for _ in range(3)])
    installation.settled()
    shown = {row["ad_id"]: row for row in analytics.get("/ads/analytics").json["data"]}
    assert ad not in shown
    assert len(shown.keys() & set(others)) <= 4
    metrics = consumer.get("/metrics").body.decode()
    assert "adclicks_listing_ceiling_batches_total" in metrics
    installation.sql(f"insert into ads (id, name) values ('{ad}', 'registered')")  # noqa: S608 our own id

    def look() -> None:
        rows = {row["ad_id"]: row for row in analytics.get("/ads/analytics").json["data"]}
        assert rows.get(ad) == {"ad_id": ad, "name": "registered", "total_clicks": "3"}

    eventually(look)
