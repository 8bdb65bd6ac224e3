"""Clients of Kafka, without a Kafka."""

import subprocess
import sys

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
