"""Pipelines to measure: each an empty store of its own on shared servers, and the services that it is asked for."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from uuid import uuid4

import psycopg
from psycopg import sql

from adclicks import kafka, postgres, schema
from adclicks.settings import KafkaSettings, PostgresSettings, RedisSettings, read
from bench.process import Runner
from bench.service import Service
from localstack.stack import InfraStack

PARTITIONS = 6
_REDIS_DATABASES = 16


class Pipeline:
    """A topic, a database and a Redis database. ``with`` ends its services.

    ``topic``: one that exists; by default a new one. ``partitions``: how many it has.
    """

    def __init__(
        self, infra: InfraStack, runner: Runner, number: int, topic: str | None = None, partitions: int = PARTITIONS
    ) -> None:
        self._partitions = partitions
        name = f"bench_{uuid4().hex[:12]}"
        self.runner = runner
        self.environment = {
            **infra.environment,
            "KAFKA_TOPIC": topic or name,
            "KAFKA_GROUP": name,
            "DB_NAME": name,
            "REDIS_DB": str(number % _REDIS_DATABASES),
            "LOG_FORMAT": "json",
            # The history of the bench reaches back a year; nothing of it may be tidied away while it is measured.
            "CLICK_RETENTION_DAYS": "800",
            "DEDUP_HORIZON_DAYS": "800",
        }
        self.kafka: KafkaSettings = read(KafkaSettings, self.environment)
        self.postgres: PostgresSettings = read(PostgresSettings, self.environment)
        self.redis: RedisSettings = read(RedisSettings, self.environment)
        self._services: list[Service] = []
        with infra.postgres.connect() as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        with self.connect() as connection:
            schema.migrate(connection)
        kafka.create_topics(kafka.admin(self.kafka), self.kafka, partitions, 1)

    def __enter__(self) -> "Pipeline":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for service in reversed(self._services):
            service.stop()
        self._services.clear()

    @property
    def topic(self) -> str:
        """The topic of the clicks."""
        return self.kafka.topic

    @property
    def folder(self) -> Path:
        """Where logs go."""
        return self.runner.folder

    def start(self, kind: str, prefix: Sequence[str] = (), **settings: str) -> Service:
        """A service that answers; ``settings`` are environment variables. Raises ``StartError``."""
        service = Service(kind, self.folder, {**self.environment, **settings}, self.runner.guardian, prefix)
        self._services.append(service)
        service.start()
        return service

    def connect(self) -> psycopg.Connection:
        """A connection in autocommit mode."""
        return postgres.connect(self.postgres, "bench", autocommit=True)

    def records(self) -> int:
        """How many records the topic has had."""
        admin = kafka.admin(self.kafka)
        return sum(mark.high for mark in kafka.watermarks(admin, self.topic, range(self._partitions)).values())

    def drop(self) -> None:
        """Gives its disk space back."""
        name = self.postgres.name
        with postgres.connect(
            PostgresSettings(**{**vars(self.postgres), "name": "postgres"}), "bench", autocommit=True
        ) as connection:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
