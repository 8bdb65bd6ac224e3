"""One pass over what a LagAutoscaler owns: makes it what it should be, and says what stands in the way."""

from __future__ import annotations

from dataclasses import dataclass

from lagscaler import resources
from lagscaler.cluster import ApiError, Cluster, path
from lagscaler.conditions import HPA_OWNED, TOPIC_GROWN, Finding, bad, good
from lagscaler.resources import HPA, SCALED_OBJECT, Identity, Json, Kind
from lagscaler.spec import Spec, TopicGrowth

STRIMZI = "kafka.strimzi.io/v1"


@dataclass(frozen=True, slots=True)
class Owned:
    """What one LagAutoscaler owns. `keda_url` is our plain HTTP's base URL as KEDA reaches it."""

    cluster: Cluster
    identity: Identity
    spec: Spec
    keda_url: str

    async def reconcile(self) -> list[Finding]:
        """Level-based: what happened does not matter, only what is there. Raises `ApiUnavailableError`."""
        findings = [await self._scaler()]
        if self.spec.topic_growth:
            findings.append(await self._topic(self.spec.topic_growth))
        return findings

    async def _scaler(self) -> Finding:
        kind = resources.owned_kind(self.spec)
        try:
            # First the other kind goes: two scalers of one target would both stop.
            await self._remove(HPA if kind is SCALED_OBJECT else SCALED_OBJECT)
            found = await self.cluster.find(self._path(kind))
            if found and not self._is_ours(found):
                return bad(HPA_OWNED, "NotOurs", f"metadata.name: the {kind.name} {self.identity.name} is another's")
            if rival := await self._rival(kind):
                message = f"spec.scaleTargetRef: the HorizontalPodAutoscaler {rival} acts on it as well"
                return bad(HPA_OWNED, "AnotherHPA", message)
            await self.cluster.apply(self._path(kind), resources.owned_object(self.identity, self.spec, self.keda_url))
        except ApiError as error:
            if error.status >= 500:
                raise
            return self._refused(kind, error)
        return good(HPA_OWNED, f"{kind.name}Applied")

    async def _rival(self, kind: Kind) -> str | None:
        """Another HPA on the same target. The one that KEDA makes of our ScaledObject is none."""
        scaled = await self._find_scaled_object()
        ours = {self.identity.uid} | ({scaled["metadata"]["uid"]} if scaled and self._is_ours(scaled) else set())
        for hpa in await self.cluster.items(path(HPA.api_version, HPA.plural, self.identity.namespace)):
            adopted = kind is HPA and hpa["metadata"]["name"] == self.identity.name
            if resources.scales(hpa, self.spec) and not adopted and resources.controller_uid(hpa) not in ours:
                return str(hpa["metadata"]["name"])
        return None

    async def _find_scaled_object(self) -> Json | None:
        try:
            return await self.cluster.find(self._path(SCALED_OBJECT))
        except ApiError as error:
            # Where KEDA is not installed nobody grants rights on it.
            if error.status == 403:
                return None
            raise

    async def _remove(self, kind: Kind) -> None:
        found = await (self._find_scaled_object() if kind is SCALED_OBJECT else self.cluster.find(self._path(kind)))
        if found and resources.controller_uid(found) == self.identity.uid:
            await self.cluster.delete(self._path(kind), found["metadata"]["uid"])

    def _is_ours(self, found: Json) -> bool:
        """Ours, or an orphan of ours: its owner was deleted without it, and has come back."""
        owner = resources.controller_uid(found)
        labels = found["metadata"].get("labels") or {}
        return owner == self.identity.uid or (owner is None and resources.LABELS.items() <= labels.items())

    def _refused(self, kind: Kind, error: ApiError) -> Finding:
        if kind is SCALED_OBJECT and error.status == 404:
            return bad(
                HPA_OWNED, "KedaMissing", "spec.metricsSource: the cluster has no ScaledObjects; is KEDA installed?"
            )
        return bad(HPA_OWNED, "ApplyFailed", f"the {kind.name} {self.identity.name}: {error}")

    async def _topic(self, growth: TopicGrowth) -> Finding:
        where = path(STRIMZI, "kafkatopics", self.identity.namespace, growth.name)
        try:
            found = await self.cluster.get(where)
            patch = resources.topic_patch((found.get("spec") or {}).get("partitions"), growth.partitions)
            if patch:
                await self.cluster.merge(where, patch)
        except ApiError as error:
            if error.status >= 500:
                raise
            reason = "TopicNotFound" if error.status == 404 else "ApplyFailed"
            return bad(TOPIC_GROWN, reason, f"spec.kafkaTopicRef.name: {error}")
        return good(TOPIC_GROWN, "Grown" if patch else "LargeEnough")

    def _path(self, kind: Kind) -> str:
        return path(kind.api_version, kind.plural, self.identity.namespace, self.identity.name)
