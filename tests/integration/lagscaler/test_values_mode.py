"""The number from values alone: one LagAutoscaler in a file, no CRD, no kopf, a plain HPA."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import yaml
from tests.integration.lagscaler.api_server import ApiServer, kubeconfig
from tests.integration.lagscaler.conftest import Topic
from tests.integration.lagscaler.test_operator import APPS

from localstack.ports import free_port
from testbed import http
from testbed.polling import eventually


@dataclass(frozen=True)
class Served:
    """A process, and its plain port's base URL."""

    api: ApiServer
    url: str

    async def get(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(self.url + path) as answer:
            return answer.status, await answer.text()


async def _start(api: ApiServer, folder: Path, text: str, port: int) -> asyncio.subprocess.Process:
    (folder / "it.yaml").write_text(text)
    environment = {
        **os.environ,
        "KUBECONFIG": str(kubeconfig(api, folder)),
        "LAGSCALER_MODE": "values",
        "LAGSCALER_SPEC_FILE": str(folder / "it.yaml"),
        "POD_NAMESPACE": "shop",
        "PORT": str(port),
        "METRICS_API_PORT": str(free_port()),
        "LISTEN_ADDRESS": "127.0.0.1",
        "LOG_LEVEL": "error",
    }
    command = (sys.executable, "-m", "lagscaler")
    return await asyncio.create_subprocess_exec(*command, env=environment, stdout=DEVNULL, stderr=PIPE)


@pytest.fixture
async def served(topic: Topic, tmp_path: Path) -> AsyncIterator[Served]:
    """A topic with 3 partitions that holds 3,000 messages for consumers of 10 a second."""
    topic.create()
    topic.produce(3000)
    api, port = ApiServer(), free_port()
    await api.start()
    api.objects.put(APPS, {"spec": {"replicas": 1}, "status": {"readyReplicas": 1}})
    kafka = {"bootstrapServers": topic.address, "topic": topic.name, "group": topic.name}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "consumer"}
    spec = {"scaleTargetRef": target, "kafka": kafka, "minReplicas": 2, "maxReplicas": 8, "ratePerConsumer": 10}
    text = yaml.safe_dump({"metadata": {"name": "consumer"}, "spec": spec})
    process = await _start(api, tmp_path, text, port)
    yield Served(api, f"http://127.0.0.1:{port}")
    process.kill()
    await process.communicate()
    await api.kill()


async def test_the_number_is_served_for_keda_and_prometheus_and_nothing_is_written(served: Served) -> None:
    """All the work is in one partition, which one consumer reads: the minimum. Only the certificate is kept."""
    # In a thread: the API server that it asks is in this loop.
    await asyncio.to_thread(eventually, lambda: _ready(served.url))
    assert await served.get("/autoscalers/shop/consumer") == (200, '{"desired": 2}')
    assert (await served.get("/autoscalers/shop/another"))[0] == 404
    _, metrics = await served.get("/metrics")
    assert 'lagscaler_lag_messages{name="consumer",namespace="shop"} 3000.0' in metrics
    assert 'lagscaler_desired_replicas{name="consumer",namespace="shop"} 2.0' in metrics
    kinds = {path.split("/")[-2] for _, path, _ in served.api.objects.changes}
    assert kinds == {"deployments", "secrets"}


def _ready(url: str) -> None:
    try:
        assert http.get(url, "/healthz/ready").status == 200
    except OSError as error:
        raise AssertionError(str(error)) from error


async def test_a_wrong_file_is_an_error_at_once_that_names_the_field(tmp_path: Path) -> None:
    """Exit code 2, as for wrong settings."""
    api = ApiServer()
    process = await _start(api, tmp_path, "metadata: {name: consumer}\nspec: {maxReplicas: 0}", free_port())
    await api.kill()
    _, told = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 2
    assert b"spec.maxReplicas: must be a whole number" in told
