"""Clicks to Kafka, and Kafka's acknowledgements back to those who wait for them.

One producer and one event loop a process. Delivery reports are fetched by the loop itself, by a timer that runs only
while clicks are in flight: one wake-up serves all that arrived meanwhile, and no thread fights for the interpreter. A second
timer, twice a second, replaces a producer that is broken or stalled (``producer_health``), also while no click waits.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Protocol

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from adclicks.backoff import Backoff
from adclicks.deliveries import end_elsewhere
from adclicks.errors import Problem, retry_later
from adclicks.kafka import client_config
from adclicks.kafka_errors import Remedy, remedy
from ingest.producer_health import ProducerHealth
from ingest.settings import IngestSettings

# Kafka's answer takes at least a millisecond; asking more often costs CPU, less often latency.
POLL_SECONDS = 0.001
# How often a producer is looked after while no click waits.
WATCH_SECONDS = 0.5
# Reports come, good or bad, within the acknowledgement timeout. Twice that long without a good one is trouble.
STALLED_TIMEOUTS = 2
# What the loop waits at the most for Kafka's metadata when it is asked whether it is ready.
_PROBE_SECONDS = 1.0
# The client looks for clicks that have timed out once a second.
_LAST_REPORTS_SECONDS = 2.0
# What librdkafka puts into one request at the most, by default.
_BATCH_BYTES = 1_000_000
# Replaced producers that still wait for reports; more are not made, so that memory and connections are bounded.
_RETIRED_MAX = 4
_log = structlog.get_logger()

# Called once, on the event loop: None when Kafka has the click, else what the client should be told.
Done = Callable[[Problem | None], None]
MakeProducer = Callable[[dict[str, object]], Producer]


class ClickPublisher(Protocol):
    """What the HTTP side needs of Kafka."""

    def publish(self, key: str, value: bytes, done: Done) -> None:
        """Sends one click; ``done`` is called when it is acknowledged or has failed. Raises ``Problem`` (503)."""


class Publisher:
    """Sends clicks to one topic. ``start`` it on the event loop that is going to use it, after the fork."""

    _producer: Producer
    _loop: asyncio.AbstractEventLoop

    def __init__(self, settings: IngestSettings, make_producer: MakeProducer = Producer) -> None:
        self._topic = settings.kafka.topic
        self._timeout_seconds = settings.acknowledge_timeout_seconds
        self._config = producer_config(settings) | {"error_cb": self._on_error}
        self._make_producer = make_producer
        self._health = ProducerHealth(
            STALLED_TIMEOUTS * self._timeout_seconds,
            Backoff(first_seconds=0.5, limit_seconds=5.0),
            Random(),  # noqa: S311 jitter
        )
        self._retired: list[Producer] = []
        self._refused_for = KafkaError.NO_ERROR
        self._in_flight = 0
        self._polling = False
        self._reported = 0
        self._last_report = time.monotonic()
        self._watching: asyncio.TimerHandle | None = None
        self.produced = self.acknowledged = self.failed = 0
        self.replaced_broken = self.replaced_stalled = self.replaced_batches = 0

    def start(self) -> None:
        """Makes the producer. A client made before the fork would share its threads and sockets with nobody."""
        self._loop = asyncio.get_running_loop()
        self._producer = self._make_producer(self._config)
        self._watching = self._loop.call_later(WATCH_SECONDS, self._watch)

    @property
    def in_flight(self) -> int:
        """How many clicks wait for Kafka."""
        return self._in_flight

    def publish(self, key: str, value: bytes, done: Done) -> None:
        """See ``ClickPublisher``."""
        try:
            self._producer.produce(self._topic, value, key, on_delivery=partial(self._on_delivery, done))
        except (BufferError, KafkaException) as error:
            raise self._not_taken(error) from None
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
        """None when Kafka answers, knows the topic and lets the producer write; else what is wrong."""
        problem = await asyncio.to_thread(self._probe, self._producer)
        # What the client met (a certificate, a password) is told by poll alone, which nobody calls while no click waits.
        self._serve()
        broken = self._health.problem(time.monotonic())
        return problem if broken is None else f"the producer was refused: {broken}"

    def replace_producer(self, reason: str) -> None:
        """Makes a producer anew, for ``reason``, and sends all later clicks through it.

        The old one keeps its clicks until each was reported, good or bad, within the acknowledgement timeout. One that timed
        out was answered 503, and may have reached Kafka all the same: it is sent again with its id, which counts once.
        """
        broken = self._health.broken
        if self._replace(reason):
            self.replaced_broken += broken
            self.replaced_stalled += not broken

    def _replace(self, reason: str) -> bool:
        if len(self._retired) >= _RETIRED_MAX:
            # Their clicks are reported by the next looks, and then there is room.
            self._retired[0].purge(blocking=False)
            return False
        first = self._health.attempts == 0
        self._health.replaced(time.monotonic())
        try:
            made = self._make_producer(self._config)
        except KafkaException as error:
            _log.error("a kafka producer could not be made", error=str(error))
            return False
        self._retired.append(self._producer)
        self._producer = made
        if first:
            _log.error("kafka producer replaced, until one works", reason=reason)
        return True

    def _shrink_batches(self, error: KafkaError) -> None:
        """The topic takes less (``max.message.bytes``) than a request holds: each click alone may fit, all together do not."""
        bytes_now = int(str(self._config["batch.size"]))
        if self._retired:
            # Of the requests that the old producer had still made.
            return
        if bytes_now == 1:
            self._tell_refusal(error)
            return
        self._config = {**self._config, "batch.size": bytes_now // 2}
        self.replaced_batches += self._replace(f"requests of {bytes_now} bytes are refused: {error.str()}")

    async def close(self) -> None:
        """Waits, at most the timeout, until Kafka has answered for all that was sent."""
        await self._reports(self._timeout_seconds)
        if self._in_flight:
            for producer in (self._producer, *self._retired):
                producer.purge(blocking=False)
            _log.error("clicks that Kafka has not acknowledged were answered 503", clicks=self._in_flight)
            await self._reports(_LAST_REPORTS_SECONDS)
        if self._watching is not None:
            self._watching.cancel()

    async def _reports(self, timeout_seconds: float) -> None:
        deadline = self._loop.time() + timeout_seconds
        while self._in_flight and self._loop.time() < deadline:  # noqa: ASYNC110 bounded, once, at the end
            await asyncio.sleep(POLL_SECONDS)

    def _poll(self) -> None:
        try:
            self._serve()
        finally:
            # Whatever was raised on the way: without a next time, no click would get an answer any more.
            if self._in_flight:
                self._loop.call_later(POLL_SECONDS, self._poll)
            else:
                self._polling = False

    def _serve(self) -> None:
        """Calls what librdkafka has for us: reports, errors."""
        try:
            self._producer.poll(0)
        except KafkaException as error:
            # A fatal error does not come by error_cb: the client raises it.
            self._health.broke(_words(error))
        if self._retired:
            self._serve_retired()
        reported = self.produced - self._in_flight
        if reported != self._reported:
            self._reported = reported
            self._last_report = time.monotonic()

    def _serve_retired(self) -> None:
        for index in reversed(range(len(self._retired))):
            self._poll_retired(index)
            if not len(self._retired[index]):
                end_elsewhere([self._retired.pop(index)])

    def _poll_retired(self, index: int) -> None:
        try:
            self._retired[index].poll(0)
        except KafkaException as error:
            _log.warning("kafka producer that was replaced", error=_words(error))

    def _watch(self) -> None:
        self._watching = self._loop.call_later(WATCH_SECONDS, self._watch)
        self._serve()
        reason = self._health.due(time.monotonic())
        if reason is not None:
            self.replace_producer(reason)

    def _on_delivery(self, done: Done, error: KafkaError | None, message: Message) -> None:
        self._in_flight -= 1
        if error is not None:
            self.failed += 1
            self._note_failure(error, message)
            done(retry_later(_report(error)))
            return
        self.acknowledged += 1
        if self._health.in_doubt:
            self._succeeded(message.partition())
        done(None)

    def _note_failure(self, error: KafkaError, message: Message) -> None:
        kind = remedy(error)
        if kind is Remedy.NEW_CLIENT:
            self._health.broke(error.str())
        elif kind is Remedy.RETRY and not self._retired:
            # While an old producer drains, its timeouts would be taken for the new one's.
            self._health.failed(message.partition(), time.monotonic())
        elif kind is Remedy.CHANGE_RECORD:
            self._shrink_batches(error)
        elif kind is Remedy.ADMINISTER:
            self._tell_refusal(error)

    def _tell_refusal(self, error: KafkaError) -> None:
        # Once for a kind: each click has its own 503.
        if self._refused_for != error.code():
            self._refused_for = error.code()
            _log.error("kafka refuses clicks", error=error.str())

    def _succeeded(self, partition: int | None) -> None:
        before = self._health.attempts
        self._health.succeeded(partition)
        if before and not self._health.attempts:
            _log.info("kafka producer works", replacements=before)

    def _not_taken(self, error: BufferError | KafkaException) -> Problem:
        self.failed += 1
        if isinstance(error, BufferError):
            return retry_later("Too many clicks are waiting for Kafka. Send this one again.")
        if not self._health.broken and remedy(error.args[0]) is Remedy.NEW_CLIENT:
            self._health.broke(_words(error))
        return retry_later("Kafka can't take clicks now. Send this one again.")

    def _on_error(self, error: KafkaError) -> None:
        """Called from poll: what the client met on the way. It goes on by itself."""
        _log.warning("kafka producer", error=error.str())

    def _probe(self, producer: Producer) -> str | None:
        try:
            topic = producer.list_topics(self._topic, timeout=_PROBE_SECONDS).topics[self._topic]
        except KafkaException as error:
            self._loop.call_soon_threadsafe(self._health.failed, None, time.monotonic())
            return f"does not answer: {_words(error)}"
        self._loop.call_soon_threadsafe(self._succeeded, None)
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
        "batch.size": _BATCH_BYTES,
    }


def _report(error: KafkaError) -> str:
    if remedy(error) is Remedy.RETRY:
        return f"Kafka did not acknowledge the click in time: {error.str()}. Send it again."
    return f"Kafka did not take the click: {error.str()}. Send it again."


def _words(error: KafkaException) -> str:
    return str(error.args[0].str())
