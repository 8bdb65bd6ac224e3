"""A transactional producer: markers and aborted records are offsets without a click, and an idle topic has no lag."""

import json
from collections.abc import Iterable, Iterator
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from adclicks import kafka
from testbed.clicks import Json, encode, new_click
from testbed.http import Client, client
from testbed.installation import Installation, by_ad
from testbed.polling import eventually
from testbed.services import Service


class Transactions:
    """Sends clicks in transactions."""

    def __init__(self, installation: Installation) -> None:
        self._topic = installation.topic
        config = {**kafka.client_config(installation.kafka, "test"), "log_level": 0}
        self._producer = Producer({**config, "transactional.id": str(uuid4()), "compression.type": "lz4"})
        self._producer.init_transactions(60)

    def commit(self, clicks: Iterable[Json], partition: int = 0) -> None:
        """They count."""
        self.begin(clicks, partition)
        self._producer.commit_transaction(60)

    def abort(self, clicks: Iterable[Json], partition: int = 0) -> None:
        """They were never sent, but have offsets."""
        self.begin(clicks, partition)
        # Abort purges what is still in the producer's queue: what has an offset already stays.
        assert self._producer.flush(60) == 0
        self._producer.abort_transaction(60)

    def begin(self, clicks: Iterable[Json], partition: int = 0) -> None:
        """Sent, and neither."""
        self._producer.begin_transaction()
        for click in clicks:
            self._producer.produce(self._topic, encode(click), partition=partition)
        assert self._producer.flush(60) == 0

    def end(self) -> None:
        """Of what was begun."""
        self._producer.commit_transaction(60)


@pytest.fixture
def transactions(installation: Installation) -> Transactions:
    """One producer."""
    return Transactions(installation)


@pytest.fixture(scope="module")
def api(installation: Installation) -> Iterator[Client]:
    """A connection to analytics."""
    with client(installation.service("analytics").url) as connection:
        yield connection


def clicks(number: int) -> list[Json]:
    return [new_click() for _ in range(number)]


def committed(installation: Installation) -> dict[int, int]:
    """What the group has committed to Kafka, which the operator's lag goes by."""
    consumer = Consumer(
        {**kafka.client_config(installation.kafka, "t"), "group.id": installation.environment["KAFKA_GROUP"]}
    )
    try:
        places = consumer.list_topics(installation.topic, 30).topics[installation.topic].partitions
        found = consumer.committed([TopicPartition(installation.topic, number) for number in places], 30)
        return {item.partition: item.offset for item in found if item.offset >= 0}
    finally:
        consumer.close()


def test_markers_and_aborted_records_are_empty_offsets(
    installation: Installation, pool: Service, transactions: Transactions, api: Client
) -> None:
    """Commits, aborts and plain records in one partition: the clicks count once, nothing is missing, and no lag is left."""
    before = installation.settled()
    kept = [*clicks(10), *clicks(5), *clicks(4)]
    transactions.commit(kept[:10])
    transactions.abort(clicks(7))
    installation.produce([encode(click) for click in kept[10:15]], partition=0)
    transactions.commit(kept[15:])
    transactions.abort(clicks(3))

    audit = installation.settled()

    installation.assert_counted_once(by_ad(kept))
    assert audit.total.stored - before.total.stored == 19
    # 10 aborted records, and a marker for each of the four transactions.
    assert audit.total.empty_offsets - before.total.empty_offsets == 14
    assert (audit.total.missing, audit.total.lag) == (before.total.missing, 0)

    def idle() -> None:
        ends = {partition: end for (_, partition), end in installation.ends().items() if end}
        assert committed(installation) == ends
        total = api.get("/audit").json["data"]["total"]
        assert (total["lag"], total["emptyOffsets"]) == (0, audit.total.empty_offsets)

    eventually(idle)
    told = json.loads(installation.adclicks("audit", "--json").stdout)
    assert (told["addsUp"], told["total"]["emptyOffsets"]) == (True, audit.total.empty_offsets)


def test_a_restarted_pool_reads_markers_once(
    installation: Installation, pool: Service, transactions: Transactions
) -> None:
    """The last thing in each partition is a marker, written while the pool was down."""
    before = installation.settled()
    pool.stop()
    for partition in range(installation.partitions):
        transactions.commit(clicks(2), partition)
    pool.start()

    audit = installation.settled()

    assert audit.total.stored - before.total.stored == 2 * installation.partitions
    assert audit.total.empty_offsets - before.total.empty_offsets == installation.partitions
    assert audit.total.missing == before.total.missing
    pool.stop()
    pool.start()
    assert installation.settled().total == audit.total


def test_an_open_transaction_is_no_lag_and_its_clicks_count_at_its_end(
    installation: Installation, pool: Service, transactions: Transactions
) -> None:
    """Nobody can read them before: they would be a backlog that no consumer can work off."""
    before = installation.settled()
    transactions.begin(clicks(6), partition=1)
    plain = clicks(2)
    # Behind it in the log, so they wait for its end as well.
    installation.produce([encode(click) for click in plain], partition=1)
    assert installation.settled().total == before.total

    transactions.end()

    audit = installation.settled()
    assert audit.total.stored - before.total.stored == 8
    assert audit.total.empty_offsets - before.total.empty_offsets == 1


def test_many_small_transactions_are_all_counted(
    installation: Installation, pool: Service, transactions: Transactions
) -> None:
    """A marker after every few clicks, all the time."""
    before = installation.settled()
    for _ in range(100):
        transactions.commit(clicks(3), partition=2)

    audit = installation.settled()

    assert audit.total.stored - before.total.stored == 300
    assert audit.total.empty_offsets - before.total.empty_offsets == 100
    assert audit.total.missing == before.total.missing
