"""The topic is recreated, or retention takes records before they are read: the audit says so, and still adds up."""

from uuid import uuid4

from confluent_kafka import KafkaException, TopicPartition

from testbed.clicks import encode, new_click
from testbed.installation import Installation, by_ad
from testbed.polling import eventually
from testbed.services import Service


def recreate_topic(installation: Installation) -> None:
    """Deletes the topic and makes one of the same name."""
    installation.admin.delete_topics([installation.topic])[installation.topic].result(30)

    def create() -> None:
        try:
            installation.create_topics()
        except KafkaException as error:
            raise AssertionError(str(error)) from error

    eventually(create)


def cut_off(installation: Installation, partition: int, offset: int) -> None:
    """What Kafka's retention does: the records before ``offset`` are gone."""
    for future in installation.admin.delete_records([TopicPartition(installation.topic, partition, offset)]).values():
        future.result(30)


def topic_ids(installation: Installation) -> int:
    """How many topics the ledger knows."""
    ((number,),) = installation.sql("select count(distinct topic_id) from ledger")
    return int(number)


def test_a_recreated_topic_is_read_from_its_start(installation: Installation, pool: Service) -> None:
    """While the pool runs: its offsets begin at 0 again, fewer than before; all is counted, and known ids are known."""
    first = [new_click() for _ in range(40)]
    installation.produce([encode(click) for click in first])
    installation.settled()

    recreate_topic(installation)
    second = [new_click() for _ in range(10)]
    installation.produce([encode(click) for click in (*second, *first[:5])])

    audit = installation.settled()
    installation.assert_counted_once(by_ad([*first, *second]))
    assert topic_ids(installation) == 2
    assert audit.total.duplicates == 5
    installation.eventually_live(by_ad([*first, *second]))


def test_a_topic_recreated_while_the_pool_was_down_is_read_from_its_start(
    installation: Installation, pool: Service
) -> None:
    """With more records than the old one had, too: an old offset means nothing in it."""
    before = sum(installation.counts().values())
    pool.stop()
    recreate_topic(installation)
    installation.produce([encode(new_click()) for _ in range(120)])
    pool.start()

    installation.settled()

    assert sum(installation.counts().values()) == before + 120
    assert topic_ids(installation) == 3


def test_what_retention_took_is_missing_in_the_audit(installation: Installation, pool: Service) -> None:
    """Records deleted before the pool read them are a number, not silence; what is left is counted."""
    before = installation.settled()
    pool.stop()
    (place,) = [item for item in before.partitions if item.partition == 1 and (item.topic_id, 1) in installation.ends()]
    ad = str(uuid4())
    installation.produce([encode(new_click(ad_id=ad)) for _ in range(30)], partition=1)
    cut_off(installation, 1, place.next_offset + 12)
    pool.start()

    audit = installation.settled()

    assert audit.total.missing - before.total.missing == 12
    assert installation.counts()[ad] == 18
    assert audit.adds_up


def test_a_cut_ahead_of_a_running_pool_is_missing_too(installation: Installation, pool: Service) -> None:
    """The pool is held up while records come, and retention takes those that it would read next."""
    before = installation.settled()
    ad = str(uuid4())
    (place,) = [item for item in before.partitions if item.partition == 2 and (item.topic_id, 2) in installation.ends()]
    (worker,) = pool.workers()
    worker.suspend()
    try:
        installation.produce([encode(new_click(ad_id=ad)) for _ in range(300)], partition=2)
        cut_off(installation, 2, place.next_offset + 290)
    finally:
        worker.resume()

    audit = installation.settled()

    assert installation.counts()[ad] + audit.total.missing - before.total.missing == 300
    assert installation.counts()[ad] >= 10
    assert audit.adds_up
