"""Kafka: broker and controller in one process (KRaft)."""

import base64
import os
import shutil
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from localstack.child import Program, StartError
from localstack.environment import for_program
from localstack.guardian import Guardian
from localstack.java import Java
from localstack.ports import HOST, free_port, listens
from localstack.server import Server

HEAP_MIB = 384
STOP_TIMEOUT_SECONDS = 6.0
FORMAT_HEAP_MIB = 64
FORMAT_TIMEOUT_SECONDS = 180.0

DATA = "data"

OPTIONS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # A typo in a topic's name is an error, not a new topic.
    "auto.create.topics.enable": "false",
    # By default eleven threads hand each request on to one another. Where few cores do everything, that costs a click a
    # fifth of the broker's CPU time more than these (docs/benchmarks.md).
    "num.network.threads": "1",
    "num.io.threads": "2",
    # One broker holds every replica.
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # 50 partitions of offsets are for many groups; here they would only slow the first start.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "4",
    # A group's first consumer need not wait for others.
    "group.initial.rebalance.delay.ms": "0",
    # A broker that was killed is registered anew only after this long (default 9 s: a restart would take so much longer).
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # A change of a group's members moves partitions at the members' next heartbeats: 1 s instead of 5 (the default).
    "group.consumer.heartbeat.interval.ms": "500",
    "group.consumer.min.heartbeat.interval.ms": "500",
    "group.consumer.assignment.interval.ms": "100",
    # A killed consumer's partitions are given to others after this long; the default is 45 s.
    "group.consumer.session.timeout.ms": "10000",
    "group.consumer.min.session.timeout.ms": "5000",
    # The default buffer (128 MiB) is a third of this heap, for two small compacted topics.
    "log.cleaner.dedupe.buffer.size": "8388608",
    # In the working folder: a comma in a path would make it two folders, and Java reads this file as Latin-1.
    "log.dirs": DATA,
}


class Kafka(Server):
    """The log of clicks. The controller's port is free to change at each start: only this process uses it."""

    name = "Kafka"
    # After a crash it first looks through the segments that were open.
    start_timeout_seconds = 90.0

    def __init__(self, folder: Path, port: int, log: Path, guardian: Guardian, java: Java) -> None:
        """``java`` brings the jars."""
        super().__init__("Kafka", folder, port, log, guardian)
        self._java = java

    def environment(self) -> Mapping[str, str]:
        """``KAFKA_*`` of the services."""
        return {"KAFKA_ADDRESS": f"{HOST}:{self.port}"}

    def _prepare(self) -> None:
        # What a killed broker left there is of no use.
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary.mkdir()
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in self._options().items()))
        if not (self.folder / DATA / "meta.properties").exists():
            self._format()

    def _program(self) -> Program:
        command = self._java.command("kafka.Kafka", (str(self._properties),), HEAP_MIB, self._temporary)
        if self._java.archive_output:
            # Writing an archive takes ten seconds after the broker's own end, at a low priority more.
            return Program(self.name, ("nice", "-n", "10", *command), self.log, self.folder, stop_timeout_seconds=120)
        return Program(self.name, command, self.log, self.folder, stop_timeout_seconds=STOP_TIMEOUT_SECONDS)

    def problem(self) -> str | None:
        """See ``Server``."""
        # The client logs each refused connection, so it is made once somebody listens.
        if not listens(self.port):
            return f"nothing listens on port {self.port}"
        client = AdminClient(
            {"bootstrap.servers": f"{HOST}:{self.port}", "reconnect.backoff.max.ms": 200, "log_level": 0}
        )
        try:
            return None if client.list_topics(timeout=2).brokers else "it names no brokers"
        except KafkaException as error:
            return str(error)

    def _format(self) -> None:
        arguments = (
            "format",
            "--ignore-formatted",
            "--cluster-id",
            self._cluster_id(),
            "--config",
            str(self._properties),
        )
        reader = Java(self._java.jars, self._java.archive)
        command = reader.command("kafka.tools.StorageTool", arguments, FORMAT_HEAP_MIB, self._temporary)
        made = subprocess.run(  # noqa: S603 - our own words
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=FORMAT_TIMEOUT_SECONDS,
            cwd=self.folder,
            env=for_program(os.environ, command[0]),
        )
        if made.returncode:
            raise StartError(f"Kafka's data folder could not be made:\n{made.stdout}{made.stderr}")

    def _options(self) -> Mapping[str, str]:
        """Its configuration; the controller's port is another one at each start."""
        controller_port = free_port()
        return {
            **OPTIONS,
            "controller.quorum.voters": f"1@{HOST}:{controller_port}",
            "listeners": f"PLAINTEXT://{HOST}:{self.port},CONTROLLER://{HOST}:{controller_port}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{self.port}",
        }

    def _cluster_id(self) -> str:
        """Of a new cluster."""
        return new_cluster_id()

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    @property
    def _temporary(self) -> Path:
        return self.folder / "tmp"


def new_cluster_id() -> str:
    """Kafka's own kind of id, but for a first letter that is never "-": its tool would take it for an option."""
    return "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()[1:]
