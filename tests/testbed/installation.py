"""One installation of the pipeline on the shared servers: a topic, a database and services of its own."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import psycopg
import redis
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType
from psycopg import sql

from adclicks import kafka, postgres, schema
from adclicks.audit import AUDIT_SQL, Audit, audit
from adclicks.redis_totals import connect as connect_redis
from adclicks.settings import KafkaSettings, PostgresSettings, RedisSettings, read
from adclicks.totals_cache import add_up, key
from localstack.guardian import Guardian
from localstack.kafka import Kafka
from localstack.ports import free_port
from localstack.postgres import Postgres
from localstack.valkey import Valkey
from testbed.polling import PATIENCE_SECONDS, eventually
from testbed.services import READY, Service

_TIMEOUT_SECONDS = 30.0
# A client would tell standard error of each broker that a test stops.
_QUIET = {"log_level": 0}
_CLI_SECONDS = 90.0


class Servers(Protocol):
    """What an installation is made on; ``environment`` is that of one who may do all there."""

    @property
    def kafka(self) -> Kafka: ...

    @property
    def postgres(self) -> Postgres: ...

    @property
    def valkey(self) -> Valkey: ...

    @property
    def environment(self) -> dict[str, str]: ...


class Installation:
    """Its topics and its schema are there at once; services are started by name, and end with ``close``."""

    def __init__(
        self, infra: Servers, folder: Path, guardian: Guardian, partitions: int, redis_db: int, replicas: int = 1
    ) -> None:
        self.infra = infra
        self.folder = folder
        self.partitions = partitions
        self._replicas = replicas
        self._guardian = guardian
        name = f"t{uuid4().hex[:12]}"
        self.environment = {
            **infra.environment,
            "KAFKA_TOPIC": name,
            "KAFKA_GROUP": name,
            "DB_NAME": name,
            "REDIS_DB": str(redis_db),
            "LOG_FORMAT": "json",
            "WEB_CONCURRENCY": "1",
        }
        self.kafka: KafkaSettings = read(KafkaSettings, self.environment)
        self.postgres: PostgresSettings = read(PostgresSettings, self.environment)
        self.services: list[Service] = []
        with infra.postgres.connect() as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        with self.connect() as connection:
            schema.migrate(connection)
        self.create_topics()
        self._notice_the_dead_soon()

    # Services

    def service(self, kind: str, *, ready_path: str = READY, **settings: str) -> Service:
        """Starts one; ``settings`` are environment variables on top of the installation's."""
        environment = {**self.environment, **settings}
        service = Service(kind, self.folder, free_port(), environment, self._guardian, ready_path)
        self.services.append(service)
        service.start()
        return service

    def close(self) -> None:
        """Ends the services."""
        for service in self.services:
            service.stop()

    def adclicks(self, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        """Runs the command line tool, in a folder without a .env."""
        return subprocess.run(
            [sys.executable, "-m", "adclicks.cli", *arguments],
            env={**self.environment, **settings},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=_CLI_SECONDS,
            check=False,
        )

    # Kafka

    @cached_property
    def admin(self) -> AdminClient:
        """A client for topics."""
        return AdminClient({**_QUIET, **kafka.client_config(self.kafka, "test")})

    @cached_property
    def _producer(self) -> Producer:
        config = kafka.client_config(self.kafka, "test")
        return Producer({**config, **_QUIET, "acks": "all", "enable.idempotence": True})

    def reconnect(self) -> None:
        """Makes its own clients anew: those that it has read their certificates when they were made."""
        for client in ("admin", "_producer"):
            vars(self).pop(client, None)

    @property
    def topic(self) -> str:
        """The topic of the clicks."""
        return self.kafka.topic

    def create_topics(self) -> None:
        """Makes them; waits until Kafka knows them everywhere."""
        kafka.create_topics(self.admin, self.kafka, self.partitions, self._replicas)
        eventually(self._require_topic)

    def produce(self, values: Iterable[bytes], partition: int | None = None) -> None:
        """As a producer other than ingest; the partition is Kafka's choice unless given. Returns when all are acknowledged."""
        failures: list[object] = []

        def delivered(error: object, _message: Message) -> None:
            if error is not None:
                failures.append(error)

        chosen: dict[str, Any] = {} if partition is None else {"partition": partition}
        for value in values:
            self._producer.produce(self.topic, value, on_delivery=delivered, **chosen)
            self._producer.poll(0)
        assert self._producer.flush(_TIMEOUT_SECONDS) == 0
        assert failures == []

    def records(self, topic: str | None = None) -> list[Message]:
        """Every record of ``topic`` (by default that of the clicks) that is there now."""
        topic = topic or self.topic
        marks = eventually(partial(self._marks, topic))
        found: list[Message] = []
        config = kafka.client_config(self.kafka, "test")
        consumer = Consumer({**config, "group.id": "test", "enable.auto.commit": False})
        try:
            consumer.assign([TopicPartition(topic, partition, mark.low) for partition, mark in marks.items()])
            expected = sum(mark.high - mark.low for mark in marks.values())
            while len(found) < expected:
                batch = consumer.consume(expected - len(found), _TIMEOUT_SECONDS)
                assert batch, f"{len(found)} of {expected} records of {topic} came"
                assert [message.error() for message in batch if message.error()] == []
                found += batch
        finally:
            consumer.close()
        return found

    def ends(self) -> dict[tuple[str, int], int]:
        """The next offset of each partition, as the audit wants it."""
        topic_id = kafka.topic_id(self.admin, self.topic)
        return {(topic_id, partition): mark.high for partition, mark in self._marks(self.topic).items()}

    def _marks(self, topic: str) -> dict[int, kafka.Watermarks]:
        """Asserts that Kafka can say them: right after its start it can't."""
        try:
            return kafka.watermarks(self.admin, topic, range(kafka.partition_count(self.admin, topic)))
        except kafka.KafkaUnavailableError as error:
            raise AssertionError(str(error)) from error

    def _notice_the_dead_soon(self) -> None:
        """A killed member's partitions go to the others after 5 s, the least that a broker allows."""
        resource = ConfigResource(ResourceType.GROUP, self.environment["KAFKA_GROUP"])
        resource.add_incremental_config(
            ConfigEntry("consumer.session.timeout.ms", "5000", incremental_operation=AlterConfigOpType.SET)
        )
        for future in self.admin.incremental_alter_configs([resource]).values():
            future.result(_TIMEOUT_SECONDS)

    def _require_topic(self) -> None:
        assert len(self._marks(self.topic)) == self.partitions

    # PostgreSQL

    def connect(self) -> psycopg.Connection:
        """A connection in autocommit mode."""
        return postgres.connect(self.postgres, "test", autocommit=True)

    def sql(self, statement: str, parameters: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """The rows of one statement; none where it gives none."""
        with self.connect() as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def audit(self) -> Audit:
        """The audit with its lag."""
        ends = self.ends()
        return audit(self.sql(AUDIT_SQL), ends)

    def settled(self, timeout_seconds: float = PATIENCE_SECONDS) -> Audit:
        """The audit once all that Kafka has is taken in. It has to add up at every look before, too."""

        def look() -> Audit:
            try:
                result, ends = self.audit(), self.ends()
            except (psycopg.OperationalError, kafka.KafkaUnavailableError) as away:
                raise AssertionError(str(away)) from away
            if not result.adds_up:
                raise RuntimeError(f"the audit does not add up: {result}")
            taken = {(item.topic_id, item.partition): item.next_offset for item in result.partitions}
            waiting = {place: end - taken.get(place, 0) for place, end in ends.items() if end > taken.get(place, 0)}
            assert waiting == {}, f"{waiting} records wait"
            return result

        return eventually(look, timeout_seconds)

    def counts(self) -> dict[str, int]:
        """Clicks by ad, counted from the raw rows, not from any sum."""
        return dict(self.sql("select ad_id::text, count(*) from clicks group by 1"))

    def assert_counted_once(self, expected: Mapping[str, int]) -> None:
        """Each ad has its clicks, and the raw rows, the totals and the sums of every size say the same."""
        assert self.counts() == dict(expected)
        ids = self.sql("select count(*), count(distinct click_id) from clicks")[0]
        assert ids == (sum(expected.values()), sum(expected.values()))
        for table in ("ad_totals", "clicks_by_minute", "clicks_by_hour", "clicks_by_day", "clicks_by_month"):
            sums = dict(self.sql(f"select ad_id::text, sum(clicks)::bigint from {table} group by 1"))  # noqa: S608 our own names
            assert {ad: clicks for ad, clicks in sums.items() if clicks} == dict(expected), table

    # Redis

    @cached_property
    def redis(self) -> "redis.Redis":
        """A client of the installation's Redis database."""
        return connect_redis(read(RedisSettings, self.environment))

    def live_totals(self) -> dict[str, int]:
        """The totals by ad that Redis holds for the current topic. Asserts that each set is complete."""
        rows = self.sql(
            "select distinct on (kafka_partition) topic_id, kafka_partition, next_offset from ledger "
            "order by kafka_partition, started_at desc"
        )
        sets = []
        for topic_id, partition, next_offset in rows:
            members: Any = self.redis.zrange(key(topic_id, partition), 0, -1, withscores=True)
            assert dict(members).get(b"next_offset") == next_offset, (partition, next_offset, members[:5])
            sets.append(members)
        return {ad: clicks for ad, clicks in add_up(sets).items() if clicks}

    def eventually_live(self, expected: Mapping[str, int], timeout_seconds: float = 20.0) -> None:
        """Redis has the totals, all of them and no others."""

        def look() -> None:
            assert self.live_totals() == dict(expected)

        eventually(look, timeout_seconds)


def by_ad(clicks: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """What has to be counted of ``clicks``: each id once, by the ad it came with."""
    return dict(Counter({click["clickId"]: click["ad_id"] for click in clicks}.values()))
