"""Clients of Kafka, without a Kafka."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from adclicks import kafka
from adclicks.settings import KafkaSettings

_LEFT_ALONE = """
import gc, threading
from confluent_kafka import TopicCollection
from adclicks import kafka
from adclicks.settings import KafkaSettings

gc.disable()
collected = threading.Event()
def collect(_):
    gc.collect()
    collected.set()

client = kafka.admin(KafkaSettings("127.0.0.1:1", "clicks"))
client.describe_topics(TopicCollection(["clicks"]), request_timeout=0.2)["clicks"].add_done_callback(collect)
del client
assert collected.wait(30)
"""


def test_a_client_may_be_collected_by_its_own_thread() -> None:
    """Nobody holds it any more as the answer to its last request comes: librdkafka must not be ended by that thread."""
    done = subprocess.run([sys.executable, "-c", _LEFT_ALONE], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_brokers_that_did_not_answer_are_asked_by_another_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever state a client is stuck in, the next request does not depend on it, or on its connections."""
    monkeypatch.setattr(kafka, "REQUEST_TIMEOUT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        settings = KafkaSettings(f"127.0.0.1:{silent.getsockname()[1]}", "clicks")
        asker = kafka.RenewedAdmin(lambda: kafka.admin(settings))
        with pytest.raises(kafka.KafkaUnavailableError):
            kafka.topic_id(asker, "clicks")
        first, _ = silent.accept()
        with first:
            first.settimeout(30)
            while first.recv(65536):
                # What it had asked; then its end.
                continue
            with pytest.raises(kafka.KafkaUnavailableError):
                kafka.watermarks(asker, "clicks", [0])
            silent.accept()[0].close()


def test_requests_that_can_abort_are_made_in_the_child_process_only() -> None:
    """Those to a group's coordinator (librdkafka issue 4605); docs/architecture.md has the table."""
    aborting = (
        "describe_consumer_groups(",
        "list_consumer_group_offsets(",
        "alter_consumer_group_offsets(",
        "delete_consumer_groups(",
    )
    services = Path(__file__).parents[3] / "services"
    made_in = {
        path.relative_to(services).as_posix()
        for path in services.glob("*/src/**/*.py")
        if any(call in path.read_text() for call in aborting)
    }
    assert made_in == {"common/src/adclicks/kafka_child/reading.py"}
