"""Whether the clicks that Kafka has reach PostgreSQL: asked of both, not of the workers; replaces workers that do nothing."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import psycopg
import structlog
from prometheus_client import Counter
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from adclicks import postgres
from adclicks.kafka import KafkaUnavailableError
from consumer.log_ends import LogEnds
from consumer.progress import Look, Progress, Stalled, WorkerState
from consumer.settings import ConsumerSettings

INTERVAL_SECONDS = 2.0
# One request that fails now and then (a client that was just made, a leader that moves) is not an outage.
_FAILURES_IN_A_ROW = 1
# Kafka or PostgreSQL that take longer than this to answer, or a process that gets no time to ask, explain by themselves why
# records wait. A new worker on a starved machine makes it worse.
_SLOW_SECONDS = 2.0
_STATEMENT_TIMEOUT = "set statement_timeout = '4s'"
# So many records may wait in a worker for their turn: with a rate limit that takes its time.
_QUEUED_RECORDS = 40_000
_LEDGER = """
select distinct on (kafka_partition) kafka_partition, next_offset from ledger
where topic = %s order by kafka_partition, started_at desc
"""
_log = structlog.get_logger()


class Pool(Protocol):
    """The workers that are watched."""

    def states(self) -> list[WorkerState]:
        """Those that run."""

    def replace(self, index: int) -> None:
        """Ends one, so that another starts in its place with clients of its own."""


class ProgressWatch(Collector):
    """Looks every two seconds. Also the pool's lag, for Prometheus: None of it is older than ``age_seconds`` says."""

    def __init__(self, settings: ConsumerSettings, pool: Pool, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._pool = pool
        self._clock = clock
        self._ends = LogEnds(settings)
        self._connection: psycopg.Connection | None = None
        self._thread = ThreadPoolExecutor(1, "progress")
        waits_seconds = _QUEUED_RECORDS / settings.rate_limit if settings.rate_limit else 0.0
        self._progress = Progress(settings.progress_seconds + waits_seconds)
        self._lag: dict[int, int] | None = None
        self._looked_at = clock()
        self._failures = 0
        self._replaced = Counter(
            "adclicks_workers_replaced", "Workers replaced because they left records unread while all else answered"
        )

    async def run(self) -> None:
        """For ever. A look that fails says so in the log once, and in ``adclicks_consumer_lag_age_seconds`` until the next."""
        while True:
            started = self._clock()
            try:
                look = await asyncio.get_running_loop().run_in_executor(self._thread, self._look)
            except (KafkaUnavailableError, psycopg.Error) as error:
                self._fail(error)
            else:
                self._succeed(look, self._clock() - started)
            await asyncio.sleep(INTERVAL_SECONDS)

    def close(self) -> None:
        """Does not wait for a question that is under way."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def live(self) -> str | None:
        """A check of ``adclicks.http.operations``: whether replacing workers has helped, where that was tried."""
        if self._progress.is_hopeless:
            return f"partitions {_words(self._progress.stuck)} are not read, also by workers that were started anew"
        return None

    async def ready(self) -> str | None:
        """A check of ``adclicks.http.operations``: whether what waits for this pool's workers moves."""
        ours = frozenset[int]().union(*(state.partitions for state in self._pool.states()))
        unread = [partition for partition in self._progress.stuck if partition in ours]
        return f"records wait in partitions {_words(unread)}, and none is stored" if unread else None

    def collect(self) -> Iterator[Metric]:
        """For Prometheus. What could not be asked has no sample, never a 0."""
        lag = GaugeMetricFamily("adclicks_consumer_lag", "Records of a partition that wait", labels=["partition"])
        for number, records in (self._lag or {}).items():
            lag.add_metric([str(number)], records)
        yield lag
        yield GaugeMetricFamily(
            "adclicks_consumer_lag_age_seconds",
            "Seconds since Kafka and PostgreSQL last said how far the clicks are",
            value=self._clock() - self._looked_at,
        )
        yield GaugeMetricFamily(
            "adclicks_consumer_stalled_partitions",
            "Partitions in which records wait and none is stored, while Kafka and PostgreSQL answer",
            value=len(self._progress.stuck),
        )

    def _look(self) -> Look:
        # The ends first: what is stored meanwhile must not look like records that wait.
        ends = self._ends.read()
        return Look(self._clock(), ends, self._positions())

    def _positions(self) -> dict[int, int]:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = postgres.connect(self._settings.postgres, "adclicks-progress", autocommit=True)
                self._connection.execute(_STATEMENT_TIMEOUT)
            return dict(self._connection.execute(_LEDGER, (self._settings.kafka.topic,)).fetchall())
        except psycopg.Error:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()
            raise

    def _fail(self, error: Exception) -> None:
        if self._lag is not None:
            _log.warning("the lag can't be asked for", error=str(error).splitlines()[0] if str(error) else repr(error))
        self._lag = None
        self._failures += 1
        if self._failures > _FAILURES_IN_A_ROW:
            self._progress.interrupted()

    def _succeed(self, look: Look, took_seconds: float) -> None:
        self._failures = 0
        if took_seconds > _SLOW_SECONDS:
            self._progress.interrupted()
        self._lag, self._looked_at = look.lag(), look.at_seconds
        for stalled in self._progress.after(look, self._pool.states()):
            self._replace(stalled)

    def _replace(self, stalled: Stalled) -> None:
        _log.error(
            "worker replaced: records wait for it, Kafka and PostgreSQL answer, and it stores none",
            worker=stalled.index,
            partitions=list(stalled.partitions),
            waiting_seconds=round(stalled.seconds),
        )
        self._replaced.inc()
        self._pool.replace(stalled.index)


def _words(partitions: "tuple[int, ...] | list[int]") -> str:
    return ", ".join(map(str, partitions))
