"""Halves Kafka's start: one run of a broker in a temporary folder leaves its loaded and linked classes in an archive.

Once a machine and Java runtime: it takes about 15 s then, and each later start 2 s instead of 4.5.
"""

import contextlib
import tempfile
from dataclasses import replace
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from localstack.child import StartError
from localstack.guardian import Guardian
from localstack.jars import KAFKA_VERSION
from localstack.java import Java, runtime_key
from localstack.kafka import Kafka
from localstack.ports import HOST, free_port

TOPIC = "rehearsal"
TIMEOUT_SECONDS = 10.0


def archive_path(cache: Path) -> Path:
    """Where the archive for the present runtime lies."""
    return cache / f"kafka-{KAFKA_VERSION}-{runtime_key()}.aot"


def rehearse(cache: Path, java: Java, guardian: Guardian) -> Java:
    """``java`` with an archive; without one when it can't be made, as it is only faster."""
    archive = archive_path(cache)
    if not archive.exists():
        with contextlib.suppress(StartError), tempfile.TemporaryDirectory(dir=cache) as folder:
            output = Path(folder) / "archive"
            _run_broker(Path(folder), replace(java, archive_output=output), guardian)
            # In one step: a second start at the same time finds a whole one, or none.
            if output.exists():
                output.replace(archive)
    return replace(java, archive=archive) if archive.exists() else java


def _run_broker(folder: Path, java: Java, guardian: Guardian) -> None:
    kafka = Kafka(folder / "kafka", free_port(), folder / "log", guardian, java)
    try:
        kafka.start()
        _use(f"{HOST}:{kafka.port}")
    finally:
        kafka.stop()


def _use(address: str) -> None:
    """One record, so that the classes of that path are in the archive too."""
    client = AdminClient({"bootstrap.servers": address, "log_level": 0})
    client.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(TIMEOUT_SECONDS)
    producer = Producer({"bootstrap.servers": address, "enable.idempotence": True, "log_level": 0})
    producer.produce(TOPIC, b"value", key=b"key")
    producer.flush(TIMEOUT_SECONDS)
