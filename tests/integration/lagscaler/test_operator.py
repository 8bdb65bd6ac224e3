"""The operator as a process, between a Kafka that is real and an API server that can be killed."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.integration.lagscaler.api_server import ApiServer, Json, kubeconfig
from tests.integration.lagscaler.conftest import Topic

from lagscaler.connection import Connection
from localstack.ports import free_port
from testbed.polling import eventually_async

APPS = "/apis/apps/v1/namespaces/shop/deployments/consumer"
OURS = "/apis/adclicks.dev/v1alpha1/namespaces/shop/lagautoscalers/consumer"
HPA = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/consumer"
EVENTS = "/api/v1/namespaces/shop/events"


@dataclass
class Scene:
    """An API server with a Deployment, a topic, and operators."""

    api: ApiServer
    topic: Topic
    folder: Path
    running: list[Process] = field(default_factory=list)

    async def operator(self) -> Process:
        """One more, as a process."""
        environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig(self.api, self.folder)),
            "WATCH_NAMESPACES": "shop",
            "POD_NAMESPACE": "shop",
            "PORT": str(free_port()),
            "METRICS_API_PORT": str(free_port()),
            "LISTEN_ADDRESS": "127.0.0.1",
            "LOOK_SECONDS": "1",
            "RESYNC_SECONDS": "2",
            "LOG_LEVEL": "error",
        }
        made = await asyncio.create_subprocess_exec(sys.executable, "-m", "lagscaler", env=environment, stdout=DEVNULL)
        self.running.append(made)
        return made

    async def kill(self, process: Process) -> None:
        """kill -9."""
        if process.returncode is None:
            process.kill()
        await process.wait()
        self.running.remove(process)

    def spec(self, **changes: Any) -> Json:
        kafka = {"bootstrapServers": self.topic.address, "topic": self.topic.name, "group": self.topic.name}
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "consumer"}
        return {"scaleTargetRef": target, "kafka": kafka, "maxReplicas": 4, "ratePerConsumer": 100} | changes

    def create(self, **changes: Any) -> None:
        """The LagAutoscaler."""
        self.api.objects.put(OURS, {"spec": self.spec(**changes)})

    def edit(self, told: bool = True, **changes: Any) -> None:
        """Its spec."""
        self.api.objects.patch(OURS, {"spec": changes}, told)

    @property
    def hpa(self) -> Json:
        """The HPA's spec; an AssertionError where there is none."""
        assert HPA in self.api.objects.found
        spec: Json = self.api.objects.found[HPA]["spec"]
        return spec

    def require(self, limit: int) -> None:
        """The HPA has this maximum, and the status says that the present generation is done."""
        assert self.hpa["maxReplicas"] == limit
        self.require_ready()

    def require_ready(self) -> None:
        found = self.api.objects.found[OURS]
        status = found.get("status") or {}
        assert status.get("observedGeneration") == found["metadata"]["generation"], status
        assert self.condition("Ready")["status"] == "True", status

    def condition(self, kind: str) -> Json:
        """An AssertionError where it was not told yet."""
        conditions = self.api.objects.found[OURS].get("status", {}).get("conditions", [])
        found = next((item for item in conditions if item["type"] == kind), None)
        assert found is not None
        return dict(found)


@pytest.fixture
async def scene(topic: Topic, tmp_path: Path) -> AsyncIterator[Scene]:
    """Nothing runs yet but the API server."""
    topic.create()
    made = Scene(ApiServer(), topic, tmp_path)
    await made.api.start()
    made.api.objects.put("/api/v1/namespaces/shop", {})
    made.api.objects.put(APPS, {"spec": {"replicas": 1}, "status": {"readyReplicas": 1}})
    yield made
    for process in list(made.running):
        await made.kill(process)
    await made.api.kill()


def stays(check: Callable[[], None], seconds: float) -> Callable[[], None]:
    """Holds once ``check`` has held for so long."""
    until = asyncio.get_running_loop().time() + seconds

    def held() -> None:
        try:
            check()
        except AssertionError as error:
            raise RuntimeError(f"it did not stay: {error}") from error
        assert asyncio.get_running_loop().time() > until

    return held


async def test_it_makes_what_is_owned_and_undoes_what_is_done_to_it(scene: Scene) -> None:
    """By events, long before a resync; and it puts no finalizer on anybody's object."""
    await scene.operator()
    scene.create()
    await eventually_async(partial(scene.require, 4))
    good = dict(scene.hpa)
    for edit in ({"maxReplicas": 99}, {"metrics": []}, None, {"scaleTargetRef": {"name": "another"}}, None):
        if edit is None:
            scene.api.objects.delete(HPA)
        else:
            scene.api.objects.patch(HPA, {"spec": edit})
        await eventually_async(lambda: _is(scene.hpa, good))
    assert "finalizers" not in scene.api.objects.found[OURS]["metadata"]


async def test_a_bad_spec_is_a_condition_and_an_event_and_the_last_good_one_goes_on(scene: Scene) -> None:
    """As an object that is older than its CRD can be; mending it is noticed."""
    await scene.operator()
    scene.create()
    await eventually_async(partial(scene.require, 4))
    scene.edit(maxReplicas="many")

    def told() -> None:
        assert "spec.maxReplicas" in scene.condition("Ready")["message"]
        events = [event["reason"] for event in scene.api.objects.below(EVENTS) if event["type"] == "Warning"]
        assert events == ["InvalidSpec"]

    await eventually_async(told)
    assert scene.hpa["maxReplicas"] == 4
    scene.edit(maxReplicas=3)
    await eventually_async(partial(scene.require, 3))


async def test_killed_at_any_point_the_next_one_converges_and_goes_on_from_what_was_learned(scene: Scene) -> None:
    """kill -9 in the midst of changes, from before its first request on."""
    scene.create()
    chance = Random(6)
    for number in range(6):
        process = await scene.operator()
        scene.edit(maxReplicas=2 + number)
        await asyncio.sleep(chance.uniform(0.3, 3.0))
        await scene.kill(process)
    learned = {"topic": scene.topic.name, "group": scene.topic.name, "configuredRate": 100.0}
    rates = {"ratePerConsumer": 400.0, "usualRate": 500.0}
    scene.api.objects.patch(OURS, {"status": {"learned": learned | rates}})
    await scene.operator()

    def resumed() -> None:
        # Not told yet where each of the six was killed before its first status, as on a busy machine.
        status = scene.api.objects.found[OURS]["status"]
        assert status.get("ratePerConsumer") == pytest.approx(400, rel=0.1)

    await eventually_async(resumed)
    await eventually_async(partial(scene.require, 7))


async def test_the_api_servers_death_is_outlived(scene: Scene) -> None:
    """The same process goes on when it is back; what was edited meanwhile counts."""
    process = await scene.operator()
    scene.create()
    await eventually_async(partial(scene.require, 4))
    await scene.api.kill()
    scene.edit(maxReplicas=2)
    scene.api.objects.delete(HPA)
    await asyncio.sleep(3)
    await scene.api.start()
    await eventually_async(partial(scene.require, 2))
    assert process.returncode is None


async def test_what_a_watch_did_not_tell_is_seen_at_the_next_pass(scene: Scene) -> None:
    """A connection that died silently, or a peer that paused the watching: an old spec must not be applied for ever."""
    await scene.operator()
    scene.create()
    await eventually_async(partial(scene.require, 4))
    scene.edit(told=False, maxReplicas=2)
    await eventually_async(partial(scene.require, 2))


async def test_a_deletion_takes_all_that_is_owned_whether_it_runs_or_not(scene: Scene) -> None:
    """Nothing waits for the operator, and it makes nothing again."""
    process = await scene.operator()
    scene.create()
    await eventually_async(partial(scene.require, 4))
    scene.api.objects.delete(OURS)
    await eventually_async(stays(lambda: _is(HPA in scene.api.objects.found, False), 3))
    scene.create()
    await eventually_async(partial(scene.require, 4))
    await scene.kill(process)
    scene.api.objects.delete(OURS)
    await scene.operator()
    await eventually_async(stays(lambda: _is(HPA in scene.api.objects.found, False), 4))


async def test_two_at_once_do_not_fight(scene: Scene) -> None:
    """A node that was lost may run the old one for a while: both write the same, and no change of the HPA follows another."""
    for _ in range(2):
        await scene.operator()
    scene.create()
    await eventually_async(partial(scene.require, 4))
    scene.edit(maxReplicas=2)
    await eventually_async(partial(scene.require, 2))
    version = scene.api.objects.found[HPA]["metadata"]["resourceVersion"]
    await eventually_async(stays(lambda: _is(scene.api.objects.found[HPA]["metadata"]["resourceVersion"], version), 5))


async def test_it_ends_at_a_signal(scene: Scene) -> None:
    """Within the grace period, with exit code 0; what it owns stays."""
    process = await scene.operator()
    scene.create()
    await eventually_async(partial(scene.require, 4))
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 25) == 0
    assert HPA in scene.api.objects.found


def test_a_token_that_is_rotated_is_read_again(tmp_path: Path) -> None:
    """The kubelet replaces it every hour."""
    (tmp_path / "token").write_text("one\n")
    connection = Connection("https://127.0.0.1", token_file=tmp_path / "token")
    assert connection.token() == "one"
    (tmp_path / "token").write_text("two\n")
    assert connection.token() == "two"


def _is(value: object, wanted: object) -> None:
    assert value == wanted
