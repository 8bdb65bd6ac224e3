"""All LagAutoscalers: a task each, begun and ended as their objects come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import structlog

from lagscaler.autoscaler import Autoscaler
from lagscaler.resources import Json

Key = tuple[str, str]

_log = structlog.get_logger()


class Runner:
    """Level-based: it may be told of an object twice, late, or not at all of its end."""

    def __init__(self, make: Callable[[Json], Autoscaler]) -> None:
        self._make = make
        self._running: dict[Key, tuple[Autoscaler, asyncio.Task[None]]] = {}
        self._scalers_seen: dict[str, object] = {}

    def __iter__(self) -> Iterator[Autoscaler]:
        return iter([autoscaler for autoscaler, _ in self._running.values()])

    def find(self, namespace: str, name: str) -> Autoscaler | None:
        running = self._running.get((namespace, name))
        return running[0] if running else None

    def seen(self, kind: str | None, body: Json) -> None:
        """A LagAutoscaler as it is now; `kind` is the watch event's type."""
        metadata = body["metadata"]
        key = (metadata["namespace"], metadata["name"])
        running = self._running.get(key)
        # One that is being deleted must not get its HPA back while the garbage collector takes it away.
        ending = kind == "DELETED" or "deletionTimestamp" in metadata
        if running and (ending or running[0].identity.uid != metadata["uid"]):
            if not ending or running[0].identity.uid == metadata["uid"]:
                self._end(key)
            running = None
        if ending:
            return
        if running:
            running[0].update(body)
        else:
            self._begin(key, body)

    def scaler_seen(self, kind: str | None, body: Mapping[str, Any]) -> None:
        """An HPA or a ScaledObject as it is now. Wakes those in its namespace if more than its status has changed."""
        metadata = body["metadata"]
        said = (body.get("spec"), metadata.get("ownerReferences"), metadata.get("labels"))
        known = self._scalers_seen.get(metadata["uid"])
        if kind == "DELETED":
            self._scalers_seen.pop(metadata["uid"], None)
        elif known == said:
            return
        else:
            self._scalers_seen[metadata["uid"]] = said
        for (namespace, _), (autoscaler, _) in self._running.items():
            if namespace == metadata["namespace"]:
                autoscaler.wake()

    async def close(self) -> None:
        """Ends all tasks; what they own stays, and the HPAs hold still until somebody serves the metric again."""
        tasks = [task for _, task in self._running.values()]
        for key in list(self._running):
            self._end(key)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, key: Key, body: Json) -> None:
        autoscaler = self._make(body)
        task = asyncio.get_running_loop().create_task(autoscaler.run(), name="/".join(key))
        self._running[key] = (autoscaler, task)
        task.add_done_callback(lambda ended: self._ended(key, ended))
        _log.info("looking after a LagAutoscaler", autoscaler="/".join(key))

    def _end(self, key: Key) -> None:
        _, task = self._running.pop(key)
        task.cancel()
        _log.info("a LagAutoscaler is gone", autoscaler="/".join(key))

    def _ended(self, key: Key, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            _log.error("a LagAutoscaler's task failed", autoscaler="/".join(key), error=repr(task.exception()))
        running = self._running.get(key)
        if running and running[1] is task:
            del self._running[key]
