"""The wiring of both modes, from start to SIGTERM."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from pathlib import Path

import structlog

from adclicks.kafka_child.process import KafkaProcess
from lagscaler.autoscaler import Autoscaler, Surroundings
from lagscaler.cluster import Cluster
from lagscaler.connection import Connection
from lagscaler.runner import Runner
from lagscaler.serving import Serving
from lagscaler.settings import OperatorSettings
from lagscaler.values import OneFromFile, read

_log = structlog.get_logger()


async def run(settings: OperatorSettings, connection: Connection) -> None:
    """Until SIGTERM or SIGINT. Raises `InvalidSpecError` (mode values), OSError for a port that is taken."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    kafka = KafkaProcess()
    try:
        async with Cluster(connection) as cluster:
            mode = _values if settings.mode == "values" else _operator
            await mode(settings, connection, cluster, kafka, stop)
    finally:
        await kafka.close()


async def _operator(
    settings: OperatorSettings,
    connection: Connection,
    cluster: Cluster,
    kafka: KafkaProcess,
    stop: asyncio.Event,
) -> None:
    # Imported late: the mode values needs no kopf.
    from lagscaler.watching import Watching

    around = Surroundings(cluster, kafka, settings.url_for_keda, settings.look_seconds, settings.resync_seconds)
    runner = Runner(lambda body: Autoscaler(around, body))
    watching = Watching(connection, settings.watch_namespaces, runner)
    serving = Serving(settings, cluster, runner, lambda: watching.is_alive)
    watching.start()
    try:
        await _serve(serving, stop)
    finally:
        await watching.close()
        await runner.close()


async def _values(
    settings: OperatorSettings,
    _connection: Connection,
    cluster: Cluster,
    kafka: KafkaProcess,
    stop: asyncio.Event,
) -> None:
    identity, spec = read(Path(settings.spec_file or ""), settings.pod_namespace)
    one = OneFromFile(identity, spec, cluster, kafka)
    await _serve(Serving(settings, cluster, one, lambda: True), stop, one.run(settings.look_seconds))


async def _serve(serving: Serving, stop: asyncio.Event, *others: Coroutine[object, object, None]) -> None:
    """Serves until `stop`; a task that ends before is a fault, and raises."""
    await serving.start()
    works = (serving.keep_request_header_trust(), serving.keep_certificate(), *others)
    tasks = [asyncio.create_task(work) for work in works]
    waiting = asyncio.create_task(stop.wait())
    _log.info("serving")
    try:
        done, _ = await asyncio.wait([*tasks, waiting], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {waiting}:
            task.result()
    finally:
        for task in (*tasks, waiting):
            task.cancel()
        await asyncio.gather(*tasks, waiting, return_exceptions=True)
        await serving.close()
        _log.info("stopped")
