"""LagAutoscalers that come and go, told late, twice or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from lagscaler.autoscaler import Autoscaler
from lagscaler.resources import Identity
from lagscaler.runner import Runner


class Idle:
    """An autoscaler that remembers what it was told, and runs until it is cancelled."""

    def __init__(self, body: dict[str, Any]) -> None:
        metadata = body["metadata"]
        self.identity = Identity(metadata["namespace"], metadata["name"], metadata["uid"])
        self.updates, self.wakes, self.ended = 0, 0, asyncio.Event()

    def update(self, _body: dict[str, Any]) -> None:
        self.updates += 1

    def wake(self) -> None:
        self.wakes += 1

    async def run(self) -> None:
        await self.ended.wait()


@pytest.fixture
async def runner() -> AsyncIterator[Runner]:
    made = Runner(lambda body: cast("Autoscaler", Idle(body)))
    yield made
    await made.close()


def body(uid: str = "1", name: str = "consumer", **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "shop", "name": name, "uid": uid, **metadata}, "spec": {}}


def one(runner: Runner, name: str = "consumer") -> Idle:
    found = runner.find("shop", name)
    assert found is not None
    return cast("Idle", found)


async def test_an_object_is_looked_after_once_however_often_it_is_told(runner: Runner) -> None:
    """A list after a lost watch tells of everything again."""
    for kind in (None, "ADDED", "MODIFIED"):
        runner.seen(kind, body())
    assert len(list(runner)) == 1
    assert one(runner).updates == 2


@pytest.mark.parametrize(
    ("kind", "metadata"), [("DELETED", {}), ("MODIFIED", {"deletionTimestamp": "2026-03-01T12:00:00Z"})]
)
async def test_one_that_is_being_deleted_is_let_go(runner: Runner, kind: str, metadata: dict[str, str]) -> None:
    """With a foreground deletion too: its HPA must not come back while the garbage collector takes it away."""
    runner.seen("ADDED", body())
    runner.seen(kind, body(**metadata))
    assert runner.find("shop", "consumer") is None


async def test_a_recreated_object_is_another_one(runner: Runner) -> None:
    """Even if nobody told of the end of the first; and the late news of that end is not the second's."""
    runner.seen("ADDED", body("1"))
    runner.seen("ADDED", body("2"))
    assert one(runner).identity.uid == "2"
    runner.seen("DELETED", body("1"))
    assert one(runner).identity.uid == "2"


async def test_one_whose_object_is_gone_is_forgotten(runner: Runner) -> None:
    """It found out by itself, from a 404."""
    runner.seen("ADDED", body())
    await asyncio.sleep(0)
    one(runner).ended.set()
    for _ in range(3):
        await asyncio.sleep(0)
    assert runner.find("shop", "consumer") is None


async def test_only_what_was_edited_wakes(runner: Runner) -> None:
    """An HPA's status changes all the time."""
    runner.seen("ADDED", body())
    hpa: dict[str, Any] = body("hpa")
    runner.scaler_seen(None, hpa)
    runner.scaler_seen("MODIFIED", hpa | {"status": {"currentReplicas": 3}})
    assert one(runner).wakes == 1
    runner.scaler_seen("MODIFIED", hpa | {"spec": {"maxReplicas": 1}})
    runner.scaler_seen("DELETED", hpa)
    assert one(runner).wakes == 3
