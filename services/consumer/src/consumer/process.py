"""The wiring of one worker process."""

import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.sharedctypes import Synchronized

import psycopg
import structlog
from confluent_kafka.admin import AdminClient

from adclicks import kafka, logs, postgres, redis_totals, schema
from adclicks.mounted_files import CHECK_SECONDS, MountedFiles
from adclicks.settings import PostgresSettings
from consumer.live_totals import LiveTotals
from consumer.metrics import WorkerMetrics
from consumer.rejects import RejectSink
from consumer.settings import ConsumerSettings
from consumer.source import Source
from consumer.store import Topic
from consumer.worker import Worker
from consumer.writer import Writer

_RETRY_SECONDS = 0.5
_END_SECONDS = 5.0


def run(settings: ConsumerSettings, index: int, heartbeat: "Synchronized[float]") -> None:
    """Runs worker ``index`` until SIGTERM. ``heartbeat`` holds the monotonic time of its last step."""
    logs.configure(settings.log, "consumer")
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    # Ctrl-C reaches the whole process group; the pool passes it on as SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    beat = _Pulse(heartbeat, MountedFiles(settings.kafka.files()), stopping).beat
    admin = kafka.admin(settings.kafka)
    topic = _wait_for_topic(admin, settings.kafka.topic, stopping, beat)
    if topic is None:
        return
    live_totals = LiveTotals(redis_totals.RedisTotals(redis_totals.connect(settings.redis)), topic)
    writer = Writer(
        connect=lambda: _connect(settings.postgres),
        kafka=admin,
        topic=topic,
        rejects=RejectSink(settings, topic),
        live_totals=live_totals,
        stopping=stopping,
        on_wait=beat,
    )
    Worker(
        settings=settings,
        make_source=lambda on_revoked: Source(settings, f"adclicks-consumer-{index}", on_revoked),
        writer=writer,
        metrics=WorkerMetrics(live_totals),
        stopping=stopping,
        beat=beat,
    ).run()


class _Pulse:
    """Felt at each step and at each wait. Stops a worker whose certificates were rotated: the supervisor starts another one.

    Kafka's clients read them only when they are made. One that waits for Kafka with the old ones would wait for ever.
    """

    def __init__(self, heartbeat: "Synchronized[float]", files: MountedFiles, stopping: threading.Event) -> None:
        self._heartbeat = heartbeat
        self._files = files
        self._stopping = stopping
        self._next_check = 0.0

    def beat(self) -> None:
        """Cheap; looks at the files now and then."""
        self._heartbeat.value = now = time.monotonic()
        if now >= self._next_check:
            self._next_check = now + CHECK_SECONDS
            if self._files.rotated():
                self._end()

    def _end(self) -> None:
        structlog.get_logger().info("certificates were rotated; ending for another worker")
        self._stopping.set()
        # To close, Kafka's client waits 45 s for a commit that no broker takes from it any more. Nothing depends on it.
        limit = threading.Timer(_END_SECONDS, os._exit, (0,))
        limit.daemon = True
        limit.start()


def _connect(settings: PostgresSettings) -> psycopg.Connection:
    connection = postgres.connect(settings, "adclicks-consumer", autocommit=True, target="read-write")
    with connection.transaction():
        schema.check(connection)
    return connection


def _wait_for_topic(admin: AdminClient, name: str, stopping: threading.Event, beat: Callable[[], None]) -> Topic | None:
    while not stopping.is_set():
        beat()
        try:
            return Topic(name, kafka.topic_id(admin, name))
        except kafka.KafkaUnavailableError as error:
            structlog.get_logger().warning("waiting for kafka", error=str(error))
            stopping.wait(_RETRY_SECONDS)
    return None
