"""Kafka, PostgreSQL and Valkey together: behind ``make run``, and behind the integration tests (``InfraStack``)."""

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from localstack.environment import of_libpq
from localstack.guardian import Guardian
from localstack.jars import cache_folder, fetch
from localstack.java import Java
from localstack.kafka import Kafka
from localstack.kafka_archive import with_archive
from localstack.ports import free_port
from localstack.postgres import Postgres
from localstack.server import Server
from localstack.together import together
from localstack.valkey import Valkey


@dataclass(frozen=True)
class InfraPorts:
    """Where each server listens on 127.0.0.1."""

    kafka: int
    postgres: int
    valkey: int


def prepare_java(cache: Path, progress: Callable[[int, int], None] = lambda _done, _all: None) -> Java:
    """What Kafka needs from the cache, brought there the first time. Raises ``StartError``."""
    return with_archive(Java(tuple(fetch(cache, progress))), cache)


@dataclass(frozen=True)
class Infra:
    """The three servers, not started yet."""

    guardian: Guardian
    kafka: Kafka
    postgres: Postgres
    valkey: Valkey

    @classmethod
    def create(cls, data: Path, logs: Path, ports: InfraPorts, guardian: Guardian, java: Java) -> "Infra":
        """Their data goes into ``data``, a folder each."""
        return cls(
            guardian=guardian,
            kafka=Kafka(data / "kafka", ports.kafka, logs / "kafka.log", guardian, java),
            postgres=Postgres("PostgreSQL", data / "postgres", ports.postgres, logs / "postgres.log", guardian),
            valkey=Valkey("Valkey", data / "valkey", ports.valkey, logs / "valkey.log", guardian),
        )

    @property
    def servers(self) -> tuple[Server, ...]:
        """All of them."""
        return (self.kafka, self.postgres, self.valkey)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which the services find them."""
        return {name: value for server in self.servers for name, value in server.environment().items()}

    def start(self) -> None:
        """All at once; the first that fails ends the starts of the others. Raises that one's ``StartError``."""
        together(self.guardian, [server.start for server in self.servers])

    def stop(self) -> None:
        """All at once; nothing where nothing was started."""
        together(self.guardian, [server.stop for server in self.servers])


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
        # Whoever starts this connects to it from this very process.
        for name in of_libpq(os.environ):
            del os.environ[name]
        try:
            java = prepare_java(cache_folder(os.environ, Path.home()))
            ports = InfraPorts(free_port(), free_port(), free_port())
            infra = Infra.create(self.folder, self.folder / "logs", ports, self._guardian, java)
            self.kafka, self.postgres, self.valkey = infra.kafka, infra.postgres, infra.valkey
            self.environment = {**infra.environment, "KAFKA_TOPIC": "clicks"}
            infra.start()
        except BaseException:
            # The guardian ends whatever did start.
            self._clear()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        together(self._guardian, [self.kafka.stop, self.postgres.stop, self.valkey.stop])
        self.postgres.erase()
        self._clear()

    def _clear(self) -> None:
        self._guardian.close()
        shutil.rmtree(self.folder, ignore_errors=True)
