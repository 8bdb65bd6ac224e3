"""The wiring of one worker process."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable

import psycopg
import structlog

from adclicks import kafka, logs, pooling, postgres, redis_totals, schema
from adclicks.mounted_files import CHECK_SECONDS, MountedFiles
from adclicks.settings import KafkaSettings, PostgresSettings
from consumer.live_totals import LiveTotals
from consumer.metrics import WorkerMetrics
from consumer.refusal_limit import RefusalLimit
from consumer.rejects import RejectSink
from consumer.report import WorkerReport
from consumer.settings import ConsumerSettings
from consumer.source import GroupProtocolRefused, Source
from consumer.store import Topic
from consumer.worker import Worker
from consumer.writer import Writer

# A worker's exit code where Kafka does not have the group protocol that is set.
EXIT_GROUP_PROTOCOL = 78
_RETRY_SECONDS = 0.5
_END_SECONDS = 5.0
# Less than the 20 s that the pool waits before it kills; a batch that is being written has that long.
_STOP_SECONDS = 15.0


def run(settings: ConsumerSettings, index: int, report: WorkerReport) -> None:
    """Runs worker ``index`` until SIGTERM, and tells ``report`` what it does."""
    # Ctrl-C reaches the whole process group; the pool passes it on as SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stopping = _stop_at_sigterm()
    logs.configure(settings.log, "consumer")

    beat = _Pulse(report, MountedFiles(settings.kafka.files()), stopping).beat
    topic = _wait_for_topic(settings.kafka, stopping, beat)
    if topic is None:
        return
    admin = kafka.RenewedAdmin(lambda: kafka.admin(settings.kafka))
    live_totals = LiveTotals(redis_totals.RedisTotals(redis_totals.connect(settings.redis)), topic)
    metrics = WorkerMetrics(live_totals)

    def on_halt(halted: bool) -> None:
        report.tell_halted(halted)
        metrics.halted(halted)

    writer = Writer(
        connect=lambda: _connect(settings.postgres),
        kafka=admin,
        topic=topic,
        rejects=RejectSink(settings, topic),
        live_totals=live_totals,
        stopping=stopping,
        on_wait=beat,
        while_storing=report.while_writing,
        limit=RefusalLimit(settings.dead_letter_max_ratio, settings.dead_letter_max_consecutive),
        on_halt=on_halt,
        unregistered_per_hour=settings.unregistered_per_hour,
    )
    worker = Worker(
        settings=settings,
        make_source=lambda on_revoked: Source(settings, f"adclicks-consumer-{index}", on_revoked),
        writer=writer,
        metrics=metrics,
        stopping=stopping,
        beat=beat,
        report=report,
    )
    try:
        worker.run()
    except GroupProtocolRefused as error:
        structlog.get_logger().error("kafka", error=str(error))
        sys.exit(EXIT_GROUP_PROTOCOL)


def _stop_at_sigterm() -> threading.Event:
    """An event that is set at SIGTERM. The process ends some seconds later in any case.

    The signal is taken by a thread: Python's own handlers wait for the main thread, which may be inside a client that waits
    for brokers that it does not know any more.
    """
    # Before any other thread is made: those inherit that the signal is not theirs.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    stopping = threading.Event()

    def wait() -> None:
        signal.sigwait({signal.SIGTERM})
        stopping.set()
        _end_within(_STOP_SECONDS)

    threading.Thread(target=wait, name="sigterm", daemon=True).start()
    return stopping


def _end_within(seconds: float) -> None:
    """To close, Kafka's client waits 45 s for a commit that no broker takes from it, or for ever. Nothing depends on it."""
    limit = threading.Timer(seconds, os._exit, (0,))
    limit.daemon = True
    limit.start()


class _Pulse:
    """Felt at each step and at each wait. Stops a worker whose certificates were rotated: the supervisor starts another one.

    Kafka's clients read them only when they are made. One that waits for Kafka with the old ones would wait for ever.
    """

    def __init__(self, report: WorkerReport, files: MountedFiles, stopping: threading.Event) -> None:
        self._report = report
        self._files = files
        self._stopping = stopping
        self._next_check = 0.0

    def beat(self) -> None:
        """Cheap; looks at the files now and then."""
        now = time.monotonic()
        self._report.beat(now)
        if now >= self._next_check:
            self._next_check = now + CHECK_SECONDS
            if self._files.rotated():
                self._end()

    def _end(self) -> None:
        structlog.get_logger().info("certificates were rotated; ending for another worker")
        self._stopping.set()
        _end_within(_END_SECONDS)


def _connect(settings: PostgresSettings) -> psycopg.Connection:
    connection = postgres.connect(settings, "adclicks-consumer", autocommit=True, target="read-write")
    try:
        pooling.require_own_session(connection, settings)
        with connection.transaction():
            schema.check(connection)
    except (psycopg.Error, schema.SchemaError):
        connection.close()
        raise
    return connection


def _wait_for_topic(settings: KafkaSettings, stopping: threading.Event, beat: Callable[[], None]) -> Topic | None:
    while not stopping.is_set():
        beat()
        try:
            # With a new client each time: one that fails may have lost its brokers for good.
            return Topic(settings.topic, kafka.topic_id(kafka.admin(settings), settings.topic))
        except kafka.KafkaUnavailableError as error:
            structlog.get_logger().warning("waiting for kafka", error=str(error))
            stopping.wait(_RETRY_SECONDS)
    return None
