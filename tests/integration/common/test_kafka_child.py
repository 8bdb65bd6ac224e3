"""Kafka asked by a child process: its end, however it comes, costs the requests that are under way and nothing else."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import psutil
import pytest
from confluent_kafka import Consumer, TopicPartition

from adclicks import kafka
from adclicks.kafka_child import client as client_module
from adclicks.kafka_child.client import AskError, KafkaClient
from adclicks.kafka_child.process import KafkaProcess
from testbed.clicks import encode, new_click
from testbed.installation import Installation
from testbed.polling import eventually

GROUP = "watched"
_PARENT = """
import asyncio
from adclicks.kafka_child.process import KafkaProcess

async def main():
    print((await KafkaProcess().child()).pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
async def process() -> AsyncIterator[KafkaProcess]:
    """Nothing runs before the first request."""
    made = KafkaProcess()
    yield made
    await made.close()


@pytest.fixture
def client(installation: Installation, process: KafkaProcess) -> KafkaClient:
    """Of the real Kafka."""
    return KafkaClient(process, kafka.client_config(installation.kafka, "test"))


@contextmanager
def silent_broker() -> Iterator[socket.socket]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        yield server


def config_of(server: socket.socket) -> dict[str, str]:
    return {"bootstrap.servers": f"127.0.0.1:{server.getsockname()[1]}"}


async def test_a_topic_and_a_group_are_read(installation: Installation, client: KafkaClient) -> None:
    """The id, where each partition begins and ends, what was committed, and that nobody reads."""
    installation.produce([encode(new_click()) for _ in range(5)], partition=1)
    for future in installation.admin.delete_records([TopicPartition(installation.topic, 1, 2)]).values():
        future.result(30)
    consumer = Consumer({**kafka.client_config(installation.kafka, "test"), "group.id": GROUP})
    consumer.commit(offsets=[TopicPartition(installation.topic, 1, 3)], asynchronous=False)
    consumer.close()

    topic = await client.topic(installation.topic)
    group = await client.group(installation.topic, GROUP)

    assert topic.topic_id == kafka.topic_id(installation.admin, installation.topic)
    assert (topic.starts, topic.ends) == ({0: 0, 1: 2, 2: 0, 3: 0}, {0: 0, 1: 5, 2: 0, 3: 0})
    assert (group.topic.ends, group.committed, group.owners, group.member_count) == (topic.ends, {1: 3}, {}, 0)


async def test_what_kafka_refuses_is_told_by_its_name(client: KafkaClient) -> None:
    """The client is kept: Kafka has answered."""
    with pytest.raises(AskError) as refused:
        await client.topic("no-such-topic")
    assert refused.value.causes[0].name == "UNKNOWN_TOPIC_OR_PART"


async def test_a_configuration_that_is_none_is_refused(process: KafkaProcess) -> None:
    """With the reason; the child goes on."""
    with pytest.raises(AskError, match=r"(?i)ssl\.ca\.pem"):
        await KafkaClient(process, {"security.protocol": "ssl", "ssl.ca.pem": "none"}).topic("t")
    assert not (await process.child()).has_ended


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGKILL])
async def test_a_child_that_aborts_costs_the_requests_under_way(
    installation: Installation, process: KafkaProcess, client: KafkaClient, number: signal.Signals
) -> None:
    """They fail at once; the next request is answered by another child."""
    with silent_broker() as server:
        asked = asyncio.create_task(KafkaClient(process, config_of(server)).topic("t"))
        connection, _ = await asyncio.to_thread(server.accept)
        first = await process.child()
        os.kill(first.pid, number)
        with pytest.raises(AskError, match=f"exit code -{number.value}"):
            await asked
        connection.close()
    assert (await client.topic(installation.topic)).topic_id
    assert (await process.child()).pid != first.pid


async def test_a_child_that_does_not_answer_is_ended(
    installation: Installation, process: KafkaProcess, client: KafkaClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frozen, it is given up after a bounded time; the next request is answered by another child."""
    await client.topic(installation.topic)
    first = await process.child()
    with monkeypatch.context() as impatient:
        impatient.setattr(client_module, "_SLACK_SECONDS", -client_module.REQUEST_TIMEOUT_SECONDS * 3 + 0.2)
        os.kill(first.pid, signal.SIGSTOP)
        with pytest.raises(AskError, match="no answer within"):
            await client.topic(installation.topic)
    assert (await client.topic(installation.topic)).topic_id
    assert (await process.child()).pid != first.pid


async def test_brokers_that_did_not_answer_are_asked_by_another_client(process: KafkaProcess) -> None:
    """Whatever state a client is stuck in, the next request does not depend on it; the child is the same."""
    with silent_broker() as server:
        client = KafkaClient(process, config_of(server), timeout_seconds=0.3)
        with pytest.raises(AskError):
            await client.topic("t")
        first, _ = await asyncio.to_thread(server.accept)
        pid = (await process.child()).pid
        asked = asyncio.create_task(client.topic("t"))
        # The first client's connection ends with it, and the next comes from the second one.
        first.settimeout(30)
        while await asyncio.to_thread(first.recv, 65536):
            pass
        second, _ = await asyncio.to_thread(server.accept)
        with pytest.raises(AskError):
            await asked
        assert (await process.child()).pid == pid
        first.close()
        second.close()


def test_the_child_ends_when_its_parent_is_killed() -> None:
    """Nobody can tell it: it notices by itself."""
    parent = subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        parent.wait()

    def ended() -> None:
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE

    eventually(ended)


async def test_no_credential_is_in_the_childs_command_line_or_environment(process: KafkaProcess) -> None:
    """Both can be read by others on the machine; a pipe can't."""
    with silent_broker() as server:
        login = {"security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN", "sasl.username": "me"}
        config = {**config_of(server), **login, "sasl.password": "s3cr3t-of-the-test"}
        with pytest.raises(AskError):
            await KafkaClient(process, config, timeout_seconds=0.2).topic("t")
    child = psutil.Process((await process.child()).pid)
    assert "s3cr3t" not in " ".join([*child.cmdline(), *child.environ().values()])
