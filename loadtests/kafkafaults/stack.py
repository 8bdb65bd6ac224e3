"""An installation with brokers of its own, which faults can be done to."""

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from adclicks import kafka
from kafkafaults.faults import Setup
from localstack.guardian import Guardian
from localstack.jars import cache_folder
from localstack.kafka import Kafka
from localstack.ports import free_port
from localstack.postgres import Postgres
from localstack.stack import Infra, prepare_java
from localstack.together import together
from localstack.valkey import Valkey
from testbed.brokers import Brokers, ClusterKafka
from testbed.installation import Installation
from testbed.polling import eventually
from testbed.services import Service

T = TypeVar("T")
PARTITIONS = 6
# Eight brokers that start at once would take each other's time until one gives up.
_starting = threading.Lock()
WORKERS = 2


class PatientKafka(Kafka):
    """Other stacks, which share the machine, may start at the same time."""

    start_timeout_seconds = 240.0


@dataclass(frozen=True)
class Stack:
    """All of it runs."""

    brokers: Brokers
    installation: Installation
    ingest: Service
    consumer: Service
    analytics: Service

    def ends(self) -> dict[int, int]:
        """The next offset of each partition, asked with a client that was made for it. Asserts that Kafka answers."""
        client = kafka.admin(self.installation.kafka)
        try:
            marks = kafka.watermarks(client, self.installation.topic, range(PARTITIONS))
        except kafka.KafkaUnavailableError as error:
            raise AssertionError(str(error)) from error
        return {partition: mark.high for partition, mark in marks.items()}

    def positions(self) -> dict[int, int]:
        """The ledger's next offset of each partition."""
        return dict(self.installation.sql("select kafka_partition, next_offset from ledger"))

    def replaced_workers(self) -> int:
        """How many workers the pool has replaced."""
        return self._counter(self.consumer, "adclicks_workers_replaced_total")

    def replaced_producers(self) -> int:
        """How many producers ingest has replaced."""
        return self._counter(self.ingest, "adclicks_producers_replaced_total")

    @staticmethod
    def _counter(service: Service, name: str) -> int:
        lines = service.get("/metrics").body.decode().splitlines()
        return sum(int(float(line.rsplit(" ", 1)[1])) for line in lines if line.startswith(name))


@contextmanager
def running(setup: Setup) -> Iterator[Stack]:
    """Brokers, PostgreSQL, Valkey and the three services, in a temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix="adclicks-"))
    # As root, PostgreSQL runs as another user, who has to pass through here.
    folder.chmod(0o711)
    guardian = Guardian()
    try:
        yield from _running(setup, folder, guardian)
    finally:
        guardian.close()
        shutil.rmtree(folder, ignore_errors=True)


def _running(setup: Setup, folder: Path, guardian: Guardian) -> Iterator[Stack]:
    java = prepare_java(cache_folder(os.environ, Path.home()))
    brokers: list[Kafka] = (
        [PatientKafka(folder / "kafka", free_port(), folder / "kafka.log", guardian, java)]
        if setup.brokers == 1
        else list(ClusterKafka.three(folder, guardian, java))
    )
    postgres = Postgres("PostgreSQL", folder / "postgres", free_port(), folder / "postgres.log", guardian)
    valkey = Valkey("Valkey", folder / "valkey", free_port(), folder / "valkey.log", guardian)
    servers = [*brokers, postgres, valkey]
    with _starting:
        for broker in brokers:
            if isinstance(broker, ClusterKafka):
                broker.format()
        together(guardian, [server.start for server in servers])
    installation = _when_kafka_is_ready(
        lambda: Installation(
            Infra(guardian, brokers[0], postgres, valkey), folder, guardian, PARTITIONS, 0, replicas=setup.brokers
        )
    )
    try:
        yield Stack(
            Brokers(brokers, guardian),
            installation,
            installation.service("ingest", KAFKA_ACK_TIMEOUT_SECONDS="3"),
            installation.service("consumer", CONSUMER_WORKERS=str(WORKERS), KAFKA_GROUP_PROTOCOL=setup.protocol),
            installation.service("analytics"),
        )
    finally:
        installation.close()
        together(guardian, [server.stop for server in servers])
        postgres.erase()


def _when_kafka_is_ready(make: Callable[[], T]) -> T:
    """Three brokers answer before all of them can hold replicas."""

    def attempt() -> T:
        try:
            return make()
        except kafka.KafkaUnavailableError as error:
            raise AssertionError(str(error)) from error

    return eventually(attempt)
