"""One LagAutoscaler at work: looks at Kafka and the pool, plans, and keeps the plan for whoever asks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from lagscaler import conditions
from lagscaler.cluster import ApiError
from lagscaler.conditions import Finding, bad, good
from lagscaler.credentials import CredentialsError
from lagscaler.lag import LagUnavailableError, Reading
from lagscaler.policy.observations import Observation
from lagscaler.policy.plan import Plan, plan
from lagscaler.policy.rates import ConsumerRate
from lagscaler.policy.settings import PolicySettings
from lagscaler.policy.state import State, initial_state
from lagscaler.pool import Replicas

# Whoever asks within this time of a look gets that look: many callers must not become many questions to Kafka.
FRESH_SECONDS = 2.0
# A caller waits this long for a look; the HPA's own request gives up after 30 s.
PATIENCE_SECONDS = 8.0


class LagSource(Protocol):
    """Kafka, or a fake of it."""

    async def read(self) -> Reading:
        """Raises `LagUnavailableError` or `CredentialsError`."""


class PoolSource(Protocol):
    """The target, or a fake of it."""

    async def read(self) -> Replicas:
        """Raises `ApiError`."""


class NoNumberError(Exception):
    """There is no number to serve; the text says why."""


class Scaler:
    """Its state changes only within its lock; reading `plan` needs none.

    `clock` is monotonic, in seconds, the same as the lag source's.
    """

    def __init__(
        self,
        settings: PolicySettings,
        lag: LagSource,
        pool: PoolSource,
        learned: ConsumerRate | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._lag, self._pool, self._clock = settings, lag, pool, clock
        fresh = initial_state(settings)
        self._state: State = replace(fresh, rate=learned) if learned else fresh
        self._lock = asyncio.Lock()
        self._looked_at_seconds: float | None = None
        self._replicas: Replicas | None = None
        self._observing = Finding(conditions.OBSERVING, None, "Starting", "Kafka was not asked yet")
        self._target = Finding(conditions.TARGET_FOUND, None, "Starting", "the target was not asked for yet")
        self.plan: Plan | None = None
        self.observed_at: datetime | None = None

    @property
    def replicas(self) -> Replicas | None:
        """The target's, as last seen."""
        return self._replicas

    @property
    def findings(self) -> list[Finding]:
        """What it knows of the target, of Kafka and of the number."""
        return [self._target, self._observing, conditions.scaling(self.plan)]

    async def resettle(self, settings: PolicySettings) -> None:
        """Other settings for the same topic and group: what was seen stays. A new guess of the rate is learned from anew."""
        async with self._lock:
            if settings.rate_per_consumer != self._settings.rate_per_consumer:
                self._state = replace(self._state, rate=ConsumerRate(prior=settings.rate_per_consumer))
            self._settings, self._looked_at_seconds = settings, None

    async def desired(self) -> int:
        """The number, after a look if the last is not fresh. Raises `NoNumberError`."""
        # Shielded: a caller that goes away must not end the look that others wait for. After its patience the last plan
        # stands, if it is not too old, and the look goes on.
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self.look()), PATIENCE_SECONDS)
        found = self.plan
        latest = found.state.latest if found else None
        if found is None or found.desired is None or latest is None:
            raise NoNumberError(self._observing.message)
        if self._clock() - latest.at_seconds > self._settings.hold_seconds + PATIENCE_SECONDS:
            raise NoNumberError("Kafka was not asked for too long")
        return found.desired

    async def look(self) -> Plan:
        """One look and one plan; the last ones if they are fresh."""
        async with self._lock:
            if self.plan is not None and self._is_fresh():
                return self.plan
            observations = await self._observe()
            self._looked_at_seconds = self._clock()
            self.plan = plan(observations, self._settings, self._state, self._looked_at_seconds)
            self._state = self.plan.state
            return self.plan

    def _is_fresh(self) -> bool:
        return self._looked_at_seconds is not None and self._clock() - self._looked_at_seconds < FRESH_SECONDS

    async def _observe(self) -> Sequence[Observation]:
        replicas, reading = await asyncio.gather(self._read_pool(), self._read_lag())
        # Without the API server nobody knows how many are ready; Kafka's figures are worth more than this one.
        replicas = replicas or self._replicas
        if reading is None or replicas is None:
            return []
        self._replicas, self.observed_at = replicas, datetime.now(UTC)
        return [
            Observation(
                at_seconds=reading.at_seconds,
                topic_id=reading.topic_id,
                partitions=reading.partitions,
                ready_replicas=replicas.ready,
                current_replicas=replicas.current,
                member_count=reading.member_count,
            )
        ]

    async def _read_pool(self) -> Replicas | None:
        try:
            found = await self._pool.read()
        except ApiError as error:
            if error.status == 404:
                message = f"spec.scaleTargetRef.name: {error}"
                self._target = bad(conditions.TARGET_FOUND, "TargetNotFound", message)
                return Replicas(0, 0)
            if error.status < 500:
                self._target = bad(conditions.TARGET_FOUND, "TargetUnreadable", f"spec.scaleTargetRef: {error}")
            return None
        self._target = good(conditions.TARGET_FOUND, "Found")
        return found

    async def _read_lag(self) -> Reading | None:
        try:
            reading = await self._lag.read()
        except (LagUnavailableError, CredentialsError) as error:
            self._observing = bad(conditions.OBSERVING, error.reason, str(error))
            return None
        except ApiError as error:
            self._observing = bad(conditions.OBSERVING, "SecretUnreadable", str(error))
            return None
        self._observing = good(conditions.OBSERVING, "Observed")
        return reading
