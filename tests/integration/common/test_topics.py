"""What the topics are made with."""

import time

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Producer

from adclicks import kafka
from testbed.clicks import encode, new_click
from testbed.installation import Installation

_DAY_MS = 86_400_000


def test_kafka_keeps_a_record_from_when_it_came(installation: Installation) -> None:
    """Retention goes by a record's time. With the sender's, a record from weeks ago would be removed before it is read."""
    producer = Producer(kafka.client_config(installation.kafka, "test"))
    for topic in (installation.topic, installation.kafka.dead_letter_topic):
        producer.produce(topic, encode(new_click()), timestamp=int(time.time() * 1000) - 40 * _DAY_MS)
    assert producer.flush(30) == 0

    for topic in (installation.topic, installation.kafka.dead_letter_topic):
        ((kind, timestamp_ms),) = [record.timestamp() for record in installation.records(topic)]
        assert kind == TIMESTAMP_LOG_APPEND_TIME
        assert abs(timestamp_ms / 1000 - time.time()) < 600
