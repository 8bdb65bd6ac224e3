"""Sending and waiting: nothing that Kafka has not acknowledged is taken for sent, and a full queue only makes it slower."""

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from adclicks import kafka
from adclicks.deliveries import Delivery, Outgoing
from adclicks.kafka_errors import Remedy, remedy
from testbed.installation import Installation


def producer(installation: Installation, **options: Any) -> Producer:
    """One with these options."""
    return Producer({**kafka.client_config(installation.kafka, "test"), "acks": "all", "log_level": 0, **options})


def test_more_records_than_the_queue_holds_are_all_sent(installation: Installation) -> None:
    """The queue has room for ten; in order."""
    records = [Outgoing(installation.topic, b"the same partition", b"%d" % number) for number in range(500)]
    delivery = Delivery(30.0)

    assert delivery.send(producer(installation, **{"queue.buffering.max.messages": 10}), records) == {}

    assert delivery.acknowledged == set(range(500))
    assert [record.value() for record in installation.records()] == [record.value for record in records]


def test_only_what_failed_is_named(installation: Installation) -> None:
    """A record that is too large for the client or for the topic, and one whose topic is missing; the others are there."""
    before = len(installation.records())
    records = [
        Outgoing(installation.topic, None, b"first"),
        Outgoing(installation.topic, None, b"x" * 2_000_000),
        Outgoing("nobody-made-this", None, b"x"),
        Outgoing(installation.topic, None, b"last"),
    ]

    # The client calls a topic missing after 30 s by default: as long as this delivery waits for any answer.
    sender = producer(installation, **{"topic.metadata.propagation.max.ms": 5_000})
    errors = Delivery(30.0).send(sender, records)

    assert {index: remedy(error) for index, error in errors.items()} == {
        1: Remedy.CHANGE_RECORD,
        2: Remedy.ADMINISTER,
    }
    assert len(installation.records()) - before == 2


def test_without_kafka_each_has_timed_out() -> None:
    """After the bound, also where not even the queue took them all."""
    nowhere = Producer({"bootstrap.servers": "127.0.0.1:1", "log_level": 0, "queue.buffering.max.messages": 10})

    errors = Delivery(1.0).send(nowhere, [Outgoing("clicks", None, b"x")] * 20)

    assert {error.code() for error in errors.values()} == {KafkaError._TIMED_OUT}
    assert len(errors) == 20


class Fatal(Producer):  # type: ignore[misc]
    """poll() raises the fatal error, as librdkafka's does."""

    def poll(self, _timeout: float | None = None) -> int:
        """Raises it."""
        raise KafkaException(KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED, "no permission", True))


@pytest.mark.parametrize("records", [1, 20])
def test_a_fatal_error_ends_it_at_once_with_its_reason(records: int) -> None:
    """No record is waited for any more, and each has the reason."""
    broken = Fatal({"bootstrap.servers": "127.0.0.1:1", "log_level": 0})

    errors = Delivery(1.0).send(broken, [Outgoing("clicks", None, b"x")] * records)

    assert {(error.str(), remedy(error)) for error in errors.values()} == {("no permission", Remedy.NEW_CLIENT)}
    assert len(errors) == records
