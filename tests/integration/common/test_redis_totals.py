"""The totals in Redis: what changed can be followed without a gap, and a cluster is no other case."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
import redis
from redis.exceptions import MovedError

from adclicks.redis_client import RedisConnection, connect
from adclicks.redis_totals import RedisTotals
from adclicks.settings import RedisSettings
from adclicks.totals_cache import ADDED, SINCE, PartitionTotals, changes_key, decode_added, key
from localstack.guardian import Guardian
from testbed.installation import Installation
from testbed.valkey_cluster import ValkeyCluster

_ADS = [str(uuid4()) for _ in range(3)]
_TOPIC = "a-topic-id"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, guardian: Guardian) -> Iterator[ValkeyCluster]:
    """Two nodes, half of the slots each."""
    nodes = ValkeyCluster(tmp_path_factory.mktemp("cluster"), guardian, 2)
    nodes.start()
    yield nodes
    nodes.stop()


@pytest.fixture(params=["one server", "a cluster"])
def client(request: pytest.FixtureRequest, installation: Installation) -> "redis.Redis":
    """An ordinary client of either."""
    if request.param == "one server":
        return installation.redis
    cluster: ValkeyCluster = request.getfixturevalue("cluster")
    return connect(RedisSettings(address=cluster.address))


def changes(client: "redis.Redis", partition: int) -> list[tuple[int, int, dict[str, int]]]:
    """(since, next, added) of each entry of a partition's stream."""
    found: Any = RedisConnection(client).ask(lambda asked: asked.xrange(changes_key(_TOPIC, partition)))
    return [(int(fields[SINCE]), int(entry.split(b"-")[0]), decode_added(fields[ADDED])) for entry, fields in found]


def members(client: "redis.Redis", partition: int) -> dict[bytes, float]:
    """What a partition's set holds."""
    found: Any = RedisConnection(client).ask(lambda asked: asked.zrange(key(_TOPIC, partition), 0, -1, withscores=True))
    return dict(found)


def test_a_batch_leaves_its_totals_and_what_it_added(client: "redis.Redis") -> None:
    """On partitions that lie on different nodes of a cluster; each entry begins where the one before it ended."""
    totals = RedisTotals(client)
    for partition in range(8):
        assert totals.replace(PartitionTotals(_TOPIC, partition, 10, {_ADS[0]: 7}))
        first = PartitionTotals(_TOPIC, partition, 12, {_ADS[0]: 8, _ADS[1]: 1}, 10, {_ADS[0]: 1, _ADS[1]: 1})
        second = PartitionTotals(_TOPIC, partition, 13, {_ADS[0]: 9}, 12, {_ADS[0]: 1})
        assert totals.update([first]) == totals.update([second]) == []
    assert totals.behind(_TOPIC, dict.fromkeys(range(8), 13)) == set()
    assert totals.behind(_TOPIC, {0: 13, 1: 14, 9: 1}) == {1, 9}
    for partition in range(8):
        expected = {_ADS[0].encode(): 9, _ADS[1].encode(): 1, b"next_offset": 13}
        assert members(client, partition) == expected
        assert changes(client, partition) == [(10, 12, {_ADS[0]: 1, _ADS[1]: 1}), (12, 13, {_ADS[0]: 1})]


def test_a_set_that_is_written_anew_ends_the_chain_unless_it_stands_where_the_old_one_stood(
    client: "redis.Redis",
) -> None:
    """Batches between the old set and the new one have no entry; a reader must not step over them."""
    totals = RedisTotals(client)
    totals.replace(PartitionTotals(_TOPIC, 20, 10, {_ADS[0]: 7}))
    totals.update([PartitionTotals(_TOPIC, 20, 11, {_ADS[0]: 8}, 10, {_ADS[0]: 1})])
    totals.replace(PartitionTotals(_TOPIC, 20, 11, {_ADS[0]: 8}))
    assert [entry[:2] for entry in changes(client, 20)] == [(10, 11)]
    totals.replace(PartitionTotals(_TOPIC, 20, 15, {_ADS[0]: 12}))
    assert changes(client, 20) == []


def test_a_set_that_was_written_anew_does_not_expire(client: "redis.Redis") -> None:
    """It is built with a time to live, which has to end with the building."""
    RedisTotals(client).replace(PartitionTotals(_TOPIC, 21, 10, {_ADS[0]: 7}))
    assert RedisConnection(client).ask(lambda asked: asked.ttl(key(_TOPIC, 21))) == -1


def test_the_stream_is_bounded_by_the_offsets_that_it_speaks_of(client: "redis.Redis") -> None:
    """What is older than 50,000 offsets goes."""
    totals = RedisTotals(client)
    totals.replace(PartitionTotals(_TOPIC, 22, 10, {}))
    following = [10, 50_000, 100_001, 110_001, 150_002]
    for since, end in pairwise(following):
        totals.update([PartitionTotals(_TOPIC, 22, end, {_ADS[0]: end}, since, {_ADS[0]: end - since})])
    assert [entry[:2] for entry in changes(client, 22)] == [(100_001, 110_001), (110_001, 150_002)]


def test_an_entry_of_another_past_is_not_built_upon(client: "redis.Redis") -> None:
    """The ids of a stream only grow: one that holds later offsets than the set, restored by hand, say, is removed."""
    totals = RedisTotals(client)
    totals.replace(PartitionTotals(_TOPIC, 23, 10, {}))
    RedisConnection(client).ask(lambda asked: asked.xadd(changes_key(_TOPIC, 23), {"since": 0, "added": "{}"}, "99-0"))
    assert totals.update([PartitionTotals(_TOPIC, 23, 11, {_ADS[0]: 1}, 10, {_ADS[0]: 1})]) == []
    assert changes(client, 23) == []


def test_a_database_that_redis_does_not_have_is_named_by_its_setting(cluster: ValkeyCluster) -> None:
    """REDIS_DB, instead of an error of the wire alone."""
    totals = RedisTotals(connect(RedisSettings(address=cluster.address, db=9)))
    with pytest.raises(redis.ResponseError, match="REDIS_DB"):
        totals.behind(_TOPIC, {0: 1})


def test_a_cluster_is_recognised_by_what_it_answers(cluster: ValkeyCluster) -> None:
    """An ordinary client alone would be told that the slot has moved."""
    client = connect(RedisSettings(address=cluster.address))
    names = [f"key-{number}" for number in range(100)]
    with pytest.raises(MovedError):
        list(map(client.get, names))


def test_the_cache_is_rebuilt_in_a_cluster(cluster: ValkeyCluster, installation: Installation) -> None:
    """By the command, with REDIS_ADDR as it is and no other setting."""
    address = f"{cluster.address[0]}:{cluster.address[1]}"
    consumer = installation.service("consumer", REDIS_ADDR=address, REDIS_DB="0")
    installation.settled()
    consumer.stop()
    ended = installation.adclicks("rebuild-cache", REDIS_ADDR=address, REDIS_DB="0")
    assert (ended.returncode, "partitions written" in ended.stdout) == (0, True), ended
