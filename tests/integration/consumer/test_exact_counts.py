"""The consumer on real Kafka, PostgreSQL and Valkey: every click id counts once, whatever way it comes."""

import re
from collections.abc import Callable
from random import Random
from uuid import uuid4

import pytest

from adclicks.click import encode_event
from testbed.clicks import encode, new_click
from testbed.installation import Installation, by_ad
from testbed.polling import eventually

ADS = [str(uuid4()) for _ in range(5)]
# Small, so that a thousand clicks make many batches, and repeats fall into different ones.
SMALL_BATCHES = {"CONSUMER_BATCH_ROWS": "100", "CONSUMER_BATCH_MS": "20"}
TIMES = (
    "2024-02-29T23:59:59.999999Z",
    "2024-03-01T00:00:00Z",
    "2025-12-31T23:30:00-02:00",
    "2025-09-06T10:00:00+05:45",
    "2016-12-31T23:59:59.5Z",
)


def sample(count: int, random: Random) -> list[dict[str, str]]:
    """``count`` different clicks on several ads, at awkward times."""
    return [new_click(ad_id=random.choice(ADS), timestamp=random.choice(TIMES)) for _ in range(count)]


def shuffled_with_repeats(clicks: list[dict[str, str]], random: Random) -> list[bytes]:
    """Each click once, a third of them two or three times, in any order."""
    repeats = [click for click in clicks if random.random() < 0.3 for _ in range(random.choice((1, 2)))]
    values = [encode(click) for click in clicks + repeats]
    random.shuffle(values)
    return values


@pytest.fixture(scope="module")
def random() -> Random:
    """The same clicks each time, but for their ids."""
    return Random(3)


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
def test_repeats_across_batches_partitions_and_pools_count_once(
    make_installation: Callable[..., Installation], random: Random, protocol: str
) -> None:
    """Two pools in one group; the second comes and goes while records wait, so partitions move in mid-batch.

    A foreign producer puts the same ids on different partitions. Every id is counted once, for either group protocol.
    """
    installation = make_installation(partitions=6)
    settings = {**SMALL_BATCHES, "KAFKA_GROUP_PROTOCOL": protocol}
    clicks = sample(1_500, random)
    values = shuffled_with_repeats(clicks, random)
    third = len(values) // 3

    first = installation.service("consumer", **settings)
    installation.produce(values[:third])
    second = installation.service("consumer", **settings)
    for partition in range(6):
        installation.produce(values[third + partition : 2 * third : 6], partition)
    eventually(lambda: assert_consumes(second.log_text()))
    installation.produce(values[2 * third :])
    second.stop()
    # The same ids again, all on one partition that most of them were not on before.
    installation.produce(values[:third], partition=0)

    audit = installation.settled()
    installation.assert_counted_once(by_ad(clicks))
    assert audit.total.stored == len(clicks)
    assert audit.total.duplicates == len(values) + third - len(clicks)
    assert audit.total.rejected == audit.total.missing == 0
    installation.eventually_live(by_ad(clicks))
    first.stop()
    assert first.child.exit_code() == 0


def assert_consumes(log: str) -> None:
    """The pool has been given partitions; a cooperative one gets none at first."""
    assert re.search(r'"partitions": \[\d[^\n]*partitions assigned', log)


@pytest.fixture(scope="module")
def consumed(installation: Installation) -> Installation:
    """An installation with a pool that runs."""
    installation.service("consumer")
    return installation


def test_the_duplicates_are_kept_per_ad(consumed: Installation) -> None:
    """The number of repeats of an ad's clicks is in its row, apart from its clicks."""
    installation = consumed
    once, thrice = new_click(ad_id=ADS[0]), new_click(ad_id=ADS[1])
    installation.produce(encode(click) for click in (thrice, once, thrice, thrice))

    installation.settled()

    rows = installation.sql(
        "select ad_id::text, sum(clicks)::int, sum(duplicates)::int from ad_totals "
        "where ad_id::text = any(%(ads)s) group by 1",
        {"ads": ADS[:2]},
    )
    assert sorted(rows) == sorted([(ADS[0], 1, 0), (ADS[1], 1, 2)])


def test_a_click_is_counted_whatever_its_sender_wrote_besides(consumed: Installation) -> None:
    """Bare clicks without the server's fields, extreme times of receipt, and forged fields are each counted once."""
    installation = consumed
    before = installation.counts()
    ad = str(uuid4())
    bare = [new_click(ad_id=ad) for _ in range(3)]
    extreme = [
        new_click(ad_id=ad, received_at=time)
        for time in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "1066-10-14T09:00:00Z")
    ]
    forged = [
        encode_event(encode(new_click(ad_id=ad, **fields)), "2026-01-01T00:00:00Z", "192.0.2.7")
        for fields in ({"received_at": 5}, {"peer": ["a"]}, {"received_at": "yesterday", "peer": {}})
    ]
    odd_names = [
        new_click(ad_id=ad, name=name)
        for name in ("\\N", "\\.", "a\\tb\\", "null", 'a "quoted", one', "'; drop table clicks; --", "点" * 200)
    ]
    installation.produce([*map(encode, bare), *map(encode, extreme), *forged, *map(encode, odd_names)])

    audit = installation.settled()

    assert audit.total.rejected == 0
    assert installation.counts() == {**before, ad: 16}
    names = {name for (name,) in installation.sql("select name from clicks where ad_id = %(ad)s", {"ad": ad})}
    assert {click["name"] for click in odd_names} <= names
    peers = installation.sql(
        "select distinct peer::text from clicks where ad_id = %(ad)s and peer is not null", {"ad": ad}
    )
    assert peers == [("192.0.2.7/32",)]
