"""Clicks to Kafka, and Kafka's acknowledgements back to those who wait for them.

One producer and one event loop a process. Delivery reports are fetched by the loop itself, by a timer that runs only
while clicks are in flight: one wake-up serves all that arrived meanwhile, and no thread fights for the interpreter.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from adclicks.errors import Problem, retry_later
from adclicks.kafka import client_config
from ingest.settings import IngestSettings

# Kafka's answer takes at least a millisecond; asking more often costs CPU, less often latency.
POLL_SECONDS = 0.001
# What the loop waits at the most for Kafka's metadata when it is asked whether it is ready.
_PROBE_SECONDS = 1.0
_log = structlog.get_logger()

# Called once, on the event loop: None when Kafka has the click, else what the client should be told.
Done = Callable[[Problem | None], None]


class ClickPublisher(Protocol):
    """What the HTTP side needs of Kafka."""

    def publish(self, key: str, value: bytes, done: Done) -> None:
        """Sends one click; ``done`` is called when it is acknowledged or has failed. Raises ``Problem`` (503)."""


class Publisher:
    """Sends clicks to one topic. ``start`` it on the event loop that is going to use it, after the fork."""

    _producer: Producer
    _loop: asyncio.AbstractEventLoop

    def __init__(self, settings: IngestSettings) -> None:
        self._topic = settings.kafka.topic
        self._timeout_seconds = settings.acknowledge_timeout_seconds
        self._config = producer_config(settings) | {"error_cb": self._on_error}
        self._in_flight = 0
        self._polling = False
        self._fatal = False
        self._last_report = time.monotonic()
        self.produced = self.acknowledged = self.failed = 0

    def start(self) -> None:
        """Makes the producer. A client made before the fork would share its threads and sockets with nobody."""
        self._loop = asyncio.get_running_loop()
        self._producer = Producer(self._config)

    @property
    def in_flight(self) -> int:
        """How many clicks wait for Kafka."""
        return self._in_flight

    def publish(self, key: str, value: bytes, done: Done) -> None:
        """See ``ClickPublisher``."""
        try:
            self._producer.produce(self._topic, value, key, on_delivery=partial(self._on_delivery, done))
        except (BufferError, KafkaException) as error:
            self.failed += 1
            raise retry_later(_refusal(error)) from None
        self.produced += 1
        self._in_flight += 1
        if not self._polling:
            self._polling = True
            self._last_report = time.monotonic()
            self._loop.call_later(POLL_SECONDS, self._poll)

    def stalled_seconds(self) -> float:
        """How long clicks have been waiting without any report; 0 when none waits. It can't pass the timeout for long."""
        return time.monotonic() - self._last_report if self._in_flight else 0.0

    async def unavailable(self) -> str | None:
        """None when Kafka answers and knows the topic, else what is wrong."""
        problem = await asyncio.to_thread(self._probe)
        if problem is not None:
            # What the client met (a certificate, a password) is told by poll alone, which nobody calls while no click waits.
            self._producer.poll(0)
        return problem

    async def close(self) -> None:
        """Waits, at most the timeout, until Kafka has answered for all that was sent."""
        deadline = self._loop.time() + self._timeout_seconds
        while self._in_flight and self._loop.time() < deadline:  # noqa: ASYNC110 bounded, once, at the end
            await asyncio.sleep(POLL_SECONDS)
        left = await asyncio.to_thread(self._producer.flush, 1.0)
        if left:
            _log.error("left with clicks that Kafka has not acknowledged; their senders got 503", clicks=left)

    def _poll(self) -> None:
        self._producer.poll(0)
        if self._fatal:
            self._replace_producer()
        if self._in_flight:
            self._loop.call_later(POLL_SECONDS, self._poll)
        else:
            self._polling = False

    def _on_delivery(self, done: Done, error: KafkaError | None, _message: Message) -> None:
        self._in_flight -= 1
        self._last_report = time.monotonic()
        if error is None:
            self.acknowledged += 1
            done(None)
        else:
            self.failed += 1
            done(retry_later(f"Kafka did not acknowledge the click in time: {error.str()}. Send it again."))

    def _on_error(self, error: KafkaError) -> None:
        # Called from poll() and flush(). A fatal error (a fenced or broken idempotent producer) ends all later sends.
        if error.fatal():
            self._fatal = True
        _log.warning("kafka producer", error=error.str(), fatal=error.fatal())

    def _replace_producer(self) -> None:
        self._producer.purge()
        self._producer.poll(0)
        self._producer = Producer(self._config)
        self._fatal = False

    def _probe(self) -> str | None:
        try:
            topic = self._producer.list_topics(self._topic, timeout=_PROBE_SECONDS).topics[self._topic]
        except KafkaException as error:
            return f"does not answer: {error.args[0].str()}"
        return None if topic.error is None else f"topic {self._topic}: {topic.error.str()}"


def producer_config(settings: IngestSettings) -> dict[str, object]:
    """Acknowledged by all in-sync replicas, without duplicates or reordering by the client's own retries."""
    timeout_ms = int(settings.acknowledge_timeout_seconds * 1000)
    return client_config(settings.kafka, "adclicks-ingest") | {
        "acks": "all",
        "enable.idempotence": True,
        "delivery.timeout.ms": timeout_ms,
        "request.timeout.ms": min(timeout_ms, 5000),
        "linger.ms": settings.linger_ms,
        "queue.buffering.max.messages": settings.queue_clicks,
        # The key is the click id. murmur2 is what Java clients use: a retry through any client finds the same partition.
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
    }


def _refusal(error: Exception) -> str:
    if isinstance(error, BufferError):
        return "Too many clicks are waiting for Kafka. Send this one again."
    return "Kafka can't take clicks now. Send this one again."
