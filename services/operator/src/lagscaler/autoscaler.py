"""One LagAutoscaler: a task that looks, one that looks after what it owns, and one status that both report to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from adclicks.kafka_child.process import KafkaProcess
from lagscaler import conditions, learned
from lagscaler.cluster import ApiError, ApiUnavailableError, Cluster, path
from lagscaler.conditions import HPA_OWNED, SPEC_VALID, TOPIC_GROWN, Finding, good, invalid_spec
from lagscaler.events import event
from lagscaler.pool import Pool
from lagscaler.reconcile import Owned
from lagscaler.resources import Identity, Json
from lagscaler.scaler import NoNumberError, Scaler
from lagscaler.source import SecuredLag
from lagscaler.spec import GROUP, PLURAL, VERSION, InvalidSpecError, Spec, parse

# Somebody who fights us over an object must not make us write without a pause.
PAUSE_SECONDS = 0.5
# After a pass that the API server did not let through; the resync may be much later.
RETRY_SECONDS = 5.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all LagAutoscalers share."""

    cluster: Cluster
    kafka: KafkaProcess
    keda_url: str
    look_seconds: float
    resync_seconds: float


class Autoscaler:
    """Runs until it is cancelled or its object is gone. Nothing that is wrong with one object ends it."""

    def __init__(self, around: Surroundings, body: Json) -> None:
        self._around = around
        metadata = body["metadata"]
        self.identity = Identity(metadata["namespace"], metadata["name"], metadata["uid"])
        self._generation = -1
        # What has been settled, and for which generation each task has done its work since.
        self._settled, self._looked, self._looked_after = 0, 0, 0
        self._spec: Spec | None = None
        self._status: Json = {}
        self._valid = good(SPEC_VALID, "Valid")
        self._owned: tuple[Finding, ...] = ()
        self._due, self._looks = asyncio.Event(), asyncio.Event()
        self._reporting = asyncio.Lock()
        self._gone = False
        self.scaler: Scaler | None = None
        self._lag: SecuredLag | None = None
        self._raw_spec: object = None
        self.update(body)

    def update(self, body: Json) -> None:
        """The object as somebody saw it; late news of an older spec changes nothing. Its status is what the next report is
        compared with.
        """
        self._status = body.get("status") or {}
        generation = int(body["metadata"].get("generation") or 0)
        if generation > self._generation:
            self._generation, self._raw_spec = generation, body.get("spec")
            self._looks.set()
            self.wake()

    def wake(self) -> None:
        """Something that it owns, or that stands in its way, has changed."""
        self._due.set()

    async def desired(self) -> int:
        """The number. Raises `NoNumberError`."""
        if self.scaler is None:
            raise NoNumberError(self._valid.message or "it was not looked at yet")
        return await self.scaler.desired()

    async def run(self) -> None:
        """Ends when the object is gone."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._forever(self._look, self._looks, self._around.look_seconds))
                group.create_task(self._forever(self._look_after, self._due, self._around.resync_seconds))
        finally:
            self._close_lag()

    async def _forever(self, act: Callable[[], Any], wake: asyncio.Event, every_seconds: float) -> None:
        while not self._gone:
            wake.clear()
            pause_seconds = every_seconds
            try:
                await act()
                if not self._gone:
                    await self._report()
            except ApiUnavailableError as error:
                _log.warning("the API server is away", autoscaler=self._where, error=str(error))
                pause_seconds = min(every_seconds, RETRY_SECONDS)
            except Exception:
                # A fault of ours on one object must not end the work on all others.
                _log.exception("a pass failed", autoscaler=self._where)
            await asyncio.sleep(PAUSE_SECONDS)
            try:
                await asyncio.wait_for(wake.wait(), pause_seconds - PAUSE_SECONDS)
            except TimeoutError:
                continue

    async def _look(self) -> None:
        generation = await self._settle()
        if self.scaler is not None:
            await self.scaler.look()
        self._looked = generation

    async def _look_after(self) -> None:
        await self._reread()
        if self._gone:
            return
        generation = await self._settle()
        if self._spec is not None:
            owned = Owned(self._around.cluster, self.identity, self._spec, self._around.keda_url)
            self._owned = tuple(await owned.reconcile())
        self._looked_after = generation

    async def _reread(self) -> None:
        """What a watch did not tell, whether it was lost or paused by a peer: an old spec must not be applied again."""
        found = await self._around.cluster.find(self._path())
        if found is None or found["metadata"]["uid"] != self.identity.uid or "deletionTimestamp" in found["metadata"]:
            self._end()
        else:
            self.update(found)

    def _end(self) -> None:
        self._gone = True
        self._due.set()
        self._looks.set()

    async def _settle(self) -> int:
        """Takes a changed spec over, and returns its generation. A bad one is told, and the last good one goes on."""
        raw, self._raw_spec = self._raw_spec, None
        if raw is None:
            return self._settled
        self._settled = self._generation
        try:
            await self._use(parse(raw))
        except InvalidSpecError as error:
            self._valid = invalid_spec(error.problems)
        return self._settled

    async def _use(self, spec: Spec) -> None:
        self._valid = good(SPEC_VALID, "Valid")
        before, self._spec = self._spec, spec
        if before and self.scaler and (before.kafka, before.target) == (spec.kafka, spec.target):
            await self.scaler.resettle(spec.policy)
        else:
            self.scaler = self._new_scaler(spec)

    def _new_scaler(self, spec: Spec) -> Scaler:
        namespace, cluster = self.identity.namespace, self._around.cluster
        self._close_lag()
        self._lag = SecuredLag(spec.kafka, namespace, cluster, self._around.kafka)
        return Scaler(
            spec.policy,
            self._lag,
            Pool(cluster, namespace, spec.target),
            learned.from_status(spec, self._status),
        )

    def _close_lag(self) -> None:
        if self._lag is not None:
            self._lag.close()

    async def _report(self) -> None:
        """Writes the status where it differs. 404 is how a deletion is noticed that no event told of."""
        async with self._reporting:
            before = self._status
            status = self._new_status()
            if {key: before.get(key) for key in status} == status:
                return
            body = {"metadata": {"uid": self.identity.uid}, "status": status}
            try:
                self._status = (await self._around.cluster.merge(self._path("/status"), body)).get("status") or {}
            except ApiError as error:
                # 409: another object of that name; the uid tells them apart.
                if error.status not in (404, 409):
                    raise
                self._end()
                return
            await self._announce(before, status)

    def _new_status(self) -> Json:
        scaler = self.scaler
        plan = scaler.plan if scaler else None
        found = [self._valid, *(scaler.findings if scaler else []), *self._pending_owned()]
        replicas = scaler.replicas if scaler else None
        kept = learned.to_status(self._spec, plan) if self._spec and plan else None
        # Whoever waits for it must find what this generation asked for done: the HPA applied, and the number planned by it.
        generation = min(self._looked, self._looked_after)
        return {
            "observedGeneration": generation,
            **conditions.figures(plan, scaler.observed_at if scaler else None),
            "currentReplicas": replicas.current if replicas else None,
            "readyReplicas": replicas.ready if replicas else None,
            "learned": kept or self._status.get("learned"),
            "conditions": conditions.conditions(
                found, self._status.get("conditions") or [], generation, datetime.now(UTC)
            ),
        }

    def _pending_owned(self) -> list[Finding]:
        if self._owned:
            growing = self._spec is not None and self._spec.topic_growth is not None
            return [finding for finding in self._owned if finding.type != TOPIC_GROWN or growing]
        return [Finding(HPA_OWNED, None, "Starting", "it was not looked after yet")]

    async def _announce(self, before: Json, status: Json) -> None:
        """An Event when Ready changes between good and bad, or is bad for another reason."""
        made = event(self.identity, before.get("conditions") or [], status["conditions"], datetime.now(UTC))
        if made is None:
            return
        _log.info("ready changed", autoscaler=self._where, reason=made["reason"], message=made["message"])
        try:
            await self._around.cluster.create(path("v1", "events", self.identity.namespace), made)
        except ApiError as error:
            _log.warning("an Event could not be made", autoscaler=self._where, error=str(error))

    def _path(self, subresource: str = "") -> str:
        return path(f"{GROUP}/{VERSION}", PLURAL, self.identity.namespace, self.identity.name) + subresource

    @property
    def _where(self) -> str:
        return f"{self.identity.namespace}/{self.identity.name}"
