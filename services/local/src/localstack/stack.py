"""Kafka, PostgreSQL and Valkey together: behind ``make run``, and behind the integration tests (``InfraStack``)."""

import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from localstack.guardian import Guardian
from localstack.jars import cache_folder, fetch
from localstack.java import Java
from localstack.kafka import Kafka
from localstack.kafka_archive import rehearse
from localstack.ports import free_port
from localstack.postgres import Postgres
from localstack.server import Server
from localstack.valkey import Valkey


@dataclass(frozen=True)
class InfraPorts:
    """Where each server listens on 127.0.0.1."""

    kafka: int
    postgres: int
    valkey: int


def prepare_java(cache: Path, guardian: Guardian, progress: Callable[[int, int], None]) -> Java:
    """What Kafka needs from the cache, brought there the first time. Raises ``StartError``."""
    return rehearse(cache, Java(tuple(fetch(cache, progress))), guardian)


@dataclass(frozen=True)
class Infra:
    """The three servers, not started yet."""

    kafka: Kafka
    postgres: Postgres
    valkey: Valkey

    @classmethod
    def create(cls, data: Path, logs: Path, ports: InfraPorts, guardian: Guardian, java: Java) -> "Infra":
        """Their data goes into ``data``, a folder each."""
        return cls(
            kafka=Kafka(data / "kafka", ports.kafka, logs / "kafka.log", guardian, java),
            postgres=Postgres(data / "postgres", ports.postgres, logs / "postgres.log", guardian),
            valkey=Valkey(data / "valkey", ports.valkey, logs / "valkey.log", guardian),
        )

    @property
    def servers(self) -> tuple[Server, ...]:
        """All of them."""
        return (self.kafka, self.postgres, self.valkey)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which the services find them."""
        return {name: value for server in self.servers for name, value in server.environment().items()}

    def start(self, started: Callable[[Server], None] = lambda _: None) -> None:
        """All at once; when one fails the others are stopped. Raises that one's ``StartError``."""

        def start_one(server: Server) -> None:
            server.start()
            started(server)

        try:
            _each(self.servers, start_one)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """All at once."""
        _each(self.servers, lambda server: server.stop())


class InfraStack:
    """The three servers on free ports, with data in a temporary folder that is removed at the end.

    ``with InfraStack() as infra: …`` gives ``infra.environment``, ``.kafka``, ``.postgres`` and ``.valkey``; each can be
    stopped, killed and started again.
    """

    def __init__(self) -> None:
        """Starts nothing yet."""
        self.folder = Path(tempfile.mkdtemp(prefix="adclicks-"))
        # As root, PostgreSQL runs as another user, who has to pass through here.
        self.folder.chmod(0o711)
        self._guardian = Guardian()

    def __enter__(self) -> "InfraStack":
        try:
            java = prepare_java(cache_folder(os.environ, Path.home()), self._guardian, lambda _done, _all: None)
            ports = InfraPorts(free_port(), free_port(), free_port())
            self._infra = Infra.create(self.folder, self.folder / "logs", ports, self._guardian, java)
            self._infra.start()
        except BaseException:
            self._clear()
            raise
        self.kafka, self.postgres, self.valkey = self._infra.kafka, self._infra.postgres, self._infra.valkey
        self.environment = {**self._infra.environment, "KAFKA_TOPIC": "clicks"}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._infra.stop()
        self._infra.postgres.erase()
        self._clear()

    def _clear(self) -> None:
        self._guardian.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _each(servers: tuple[Server, ...], action: Callable[[Server], None]) -> None:
    """``action`` on each at the same time; waits for all, then raises the first failure."""
    with ThreadPoolExecutor(len(servers)) as pool:
        tasks = [pool.submit(action, server) for server in servers]
    for task in tasks:
        task.result()
