"""One LagAutoscaler from a file: the number is served, the HPA is somebody else's, and nothing is written."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import structlog
import yaml

from adclicks.kafka_child.process import KafkaProcess
from lagscaler.cluster import Cluster
from lagscaler.numbered import Numbered
from lagscaler.policy.settings import Problem
from lagscaler.pool import Pool
from lagscaler.resources import Identity
from lagscaler.scaler import Scaler
from lagscaler.source import SecuredLag
from lagscaler.spec import InvalidSpecError, Spec, parse

_log = structlog.get_logger()


def read(file: Path, namespace: str) -> tuple[Identity, Spec]:
    """A LagAutoscaler in YAML; `namespace` is where it is if the file does not say. Raises `InvalidSpecError`."""
    try:
        found = yaml.safe_load(file.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise InvalidSpecError((Problem(str(file), f"can't be read: {error}"),)) from error
    metadata: Any = found.get("metadata") if isinstance(found, dict) else None
    if not isinstance(metadata, dict) or not metadata.get("name"):
        raise InvalidSpecError((Problem("metadata.name", "must be set"),))
    return Identity(str(metadata.get("namespace") or namespace), str(metadata["name"]), ""), parse(found.get("spec"))


class OneFromFile:
    """All LagAutoscalers that there are: this one."""

    def __init__(self, identity: Identity, spec: Spec, cluster: Cluster, kafka: KafkaProcess) -> None:
        self.identity = identity
        lag = SecuredLag(spec.kafka, identity.namespace, cluster, kafka)
        self._scaler = Scaler(spec.policy, lag, Pool(cluster, identity.namespace, spec.target))
        self.scaler: Scaler | None = self._scaler

    def find(self, namespace: str, name: str) -> Numbered | None:
        return self if (namespace, name) == (self.identity.namespace, self.identity.name) else None

    def __iter__(self) -> Iterator[Numbered]:
        return iter([self])

    async def desired(self) -> int:
        return await self._scaler.desired()

    async def run(self, look_seconds: float) -> None:
        """Looks for ever. What goes wrong is logged when it changes, since there is no status to tell it in."""
        told: object = None
        while True:
            try:
                await self._scaler.look()
                found = tuple(finding for finding in self._scaler.findings if not finding.status)
                if found != told:
                    if found:
                        _log.warning("not all is well", findings=[f"{item.reason}: {item.message}" for item in found])
                    else:
                        _log.info("all is well")
                    told = found
            except Exception:
                # As the operator: a fault in one look must not end all further ones.
                _log.exception("a look failed")
            await asyncio.sleep(look_seconds)
