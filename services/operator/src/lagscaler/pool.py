"""The target's replicas, as its Deployment or StatefulSet says."""

from __future__ import annotations

from dataclasses import dataclass

from lagscaler.cluster import Cluster, path
from lagscaler.spec import Target


@dataclass(frozen=True, slots=True)
class Replicas:
    """`current` are asked for, `ready` answer."""

    current: int
    ready: int


@dataclass(frozen=True, slots=True)
class Pool:
    """The target of one LagAutoscaler."""

    cluster: Cluster
    namespace: str
    target: Target

    async def read(self) -> Replicas:
        """Raises `ApiError`; 404 if there is no such target."""
        found = await self.cluster.get(path("apps/v1", self.target.plural, self.namespace, self.target.name))
        status = found.get("status") or {}
        current = (found.get("spec") or {}).get("replicas")
        return Replicas(
            current=int(current if current is not None else status.get("replicas") or 0),
            ready=int(status.get("readyReplicas") or 0),
        )
