"""Clicks put into Kafka as ingest would put them, and as fast as one process can."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from confluent_kafka import Producer

from adclicks.click import encode_event
from adclicks.kafka import client_config
from adclicks.settings import KafkaSettings

ADS = 1000
_FLUSH_SECONDS = 60.0
_POLL_EVERY = 1000


class NotProduced(Exception):
    """Kafka did not take everything."""


def fill(kafka: KafkaSettings, clicks: int, now: datetime, ads: int = ADS) -> float:
    """Puts ``clicks`` unique clicks of ``ads`` ads, sent and received at ``now``, into the topic; returns clicks a second.

    Acknowledged by all replicas and without duplicates, as ingest's. Raises ``NotProduced``.
    """
    producer = Producer(
        client_config(kafka, "adclicks-bench")
        | {
            # What it retries by itself at a broker's first start is no news.
            "log_level": 2,
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 5,
            "compression.type": "lz4",
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 200_000,
        }
    )
    start = time.perf_counter()
    for number, (key, value) in enumerate(_events(clicks, now, ads)):
        while not _offer(producer, kafka.topic, key, value):
            producer.poll(0.05)
        if number % _POLL_EVERY == 0:
            producer.poll(0)
    left = producer.flush(_FLUSH_SECONDS)
    if left:
        raise NotProduced(f"{left} of {clicks} clicks were not acknowledged within {_FLUSH_SECONDS:g} s")
    return clicks / (time.perf_counter() - start)


def ad_id(number: int) -> str:
    """The id of ad ``number`` (from 0)."""
    return f"{number:08x}-0000-4000-8000-0000000bea0c"


def _offer(producer: Producer, topic: str, key: str, value: bytes) -> bool:
    try:
        producer.produce(topic, value, key)
    except BufferError:
        return False
    return True


def _events(clicks: int, now: datetime, ads: int) -> Iterator[tuple[str, bytes]]:
    stamp = now.astimezone(UTC).isoformat().replace("+00:00", "Z")
    ids = [ad_id(number) for number in range(ads)]
    for number in range(clicks):
        # Not in order: ids in order would be kinder to the database's index than real ones are.
        digits = os.urandom(16).hex()
        click_id = f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"
        click = (
            f'{{"clickId":"{click_id}","ad_id":"{ids[number % ads]}","name":"load test","ip":"10.0.0.1",'
            f'"timestamp":"{stamp}"}}'
        )
        yield click_id, encode_event(click.encode(), stamp, "127.0.0.1")
