"""Redis is a cache: away, flushed or restored from an old snapshot, its totals are right again within seconds."""

from typing import Any
from uuid import uuid4

import pytest

from adclicks.totals_cache import key
from testbed.clicks import encode, new_click
from testbed.installation import Installation
from testbed.services import Service

ADS = [str(uuid4()) for _ in range(3)]


class Sender:
    """Sends clicks and knows how many each ad has by now."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self.totals: dict[str, int] = {}

    def send(self, ad: str, clicks: int, partition: int | None = None) -> None:
        """Returns when they are in the truth."""
        self._installation.produce([encode(new_click(ad_id=ad)) for _ in range(clicks)], partition)
        self.totals[ad] = self.totals.get(ad, 0) + clicks
        self._installation.settled()


@pytest.fixture(scope="module")
def sender(installation: Installation, pool: Service) -> Sender:
    """With a pool that runs, and some clicks on each ad."""
    sender = Sender(installation)
    for ad in ADS:
        sender.send(ad, 20)
    installation.eventually_live(sender.totals)
    return sender


def snapshot(installation: Installation) -> dict[bytes, Any]:
    """All keys of the installation's Redis database, dumped."""
    names: Any = installation.redis.keys("*")
    return {name: installation.redis.dump(name) for name in names}


def restore(installation: Installation, dumped: dict[bytes, Any]) -> None:
    """Makes the database what it was then."""
    installation.redis.flushdb()
    for name, value in dumped.items():
        installation.redis.restore(name, 0, value)


def test_clicks_are_counted_while_redis_is_away(installation: Installation, sender: Sender) -> None:
    """Stopped, and started again with nothing in it: the truth is right all the time, and Redis soon after."""
    installation.infra.valkey.stop()
    try:
        sender.send(ADS[0], 5)
        installation.assert_counted_once(sender.totals)
    finally:
        installation.infra.valkey.start()

    installation.eventually_live(sender.totals)


@pytest.mark.parametrize("busy", [False, True])
def test_a_flushed_redis_is_healed(installation: Installation, sender: Sender, busy: bool) -> None:
    """With clicks after the flush or without."""
    installation.redis.flushdb()
    if busy:
        sender.send(ADS[1], 3)

    installation.eventually_live(sender.totals)


@pytest.mark.parametrize("busy", [False, True])
def test_an_old_snapshot_is_healed(installation: Installation, sender: Sender, busy: bool) -> None:
    """Also where another ad's click is the first thing that is written to the old totals."""
    old = snapshot(installation)
    sender.send(ADS[0], 7)
    sender.send(ADS[1], 7, partition=0)
    installation.eventually_live(sender.totals)
    restore(installation, old)
    if busy:
        sender.send(ADS[2], 1, partition=0)

    installation.eventually_live(sender.totals)


def test_a_command_rebuilds_the_cache_without_consumers(
    installation: Installation, sender: Sender, pool: Service
) -> None:
    """`adclicks rebuild-cache` fills an empty Redis from PostgreSQL."""
    pool.stop()
    installation.redis.flushdb()

    rebuilt = installation.adclicks("rebuild-cache")

    assert rebuilt.returncode == 0, rebuilt.stderr
    installation.eventually_live(sender.totals)
    pool.start()


def test_a_member_that_redis_lost_does_not_stay_lost(installation: Installation, sender: Sender) -> None:
    """A partition's set that is gone alone is written anew, and no building site is left behind."""
    audit = installation.settled()
    installation.redis.delete(key(audit.partitions[0].topic_id, 0))

    installation.eventually_live(sender.totals)

    assert [name for name in installation.redis.keys("*") if b"building" in name] == []
