"""One LagAutoscaler at work, on a Kafka and a target that are fakes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from lagscaler.cluster import ApiError, ApiUnavailableError
from lagscaler.lag import LagUnavailableError, Reading
from lagscaler.policy.observations import PartitionOffsets
from lagscaler.policy.plan import Reason
from lagscaler.policy.rates import ConsumerRate
from lagscaler.policy.settings import PolicySettings
from lagscaler.pool import Replicas
from lagscaler.scaler import NoNumberError, Scaler

SETTINGS = PolicySettings(max_replicas=10, rate_per_consumer=100, hold_seconds=60)


@dataclass
class World:
    """A clock, a topic with one backlog in 12 partitions, and a target."""

    now: float = 1000.0
    backlog: int = 0
    error: Exception | None = None
    pool_error: Exception | None = None
    reads: int = 0
    gate: asyncio.Event | None = None
    replicas: Replicas = field(default_factory=lambda: Replicas(2, 2))

    def clock(self) -> float:
        return self.now

    async def read(self) -> Reading:
        self.reads += 1
        if self.gate:
            await self.gate.wait()
        if self.error:
            raise self.error
        parts = tuple(PartitionOffsets(number, 0, 1000 + self.backlog // 12, 1000) for number in range(12))
        return Reading(self.now, "topic", parts, 2)

    def scaler(self, settings: PolicySettings = SETTINGS, learned: ConsumerRate | None = None) -> Scaler:
        return Scaler(settings, self, _Pool(self), learned, self.clock)


@dataclass
class _Pool:
    world: World

    async def read(self) -> Replicas:
        if self.world.pool_error:
            raise self.world.pool_error
        return self.world.replicas


def reasons(scaler: Scaler) -> dict[str, tuple[bool | None, str]]:
    return {finding.type: (finding.status, finding.reason) for finding in scaler.findings}


async def test_who_asks_gets_a_fresh_number() -> None:
    """Not that of the last tick: the HPA looks every 15 s, and a tick's age would be added to its own."""
    world = World()
    scaler = world.scaler()
    assert await scaler.desired() == 2
    world.now, world.backlog = world.now + 5, 120_000
    assert await scaler.desired() == 10


async def test_many_callers_are_one_question() -> None:
    """Within two seconds, and while a look is under way."""
    world = World(gate=asyncio.Event())
    scaler = world.scaler()
    callers = [asyncio.create_task(scaler.desired()) for _ in range(20)]
    await asyncio.sleep(0)
    assert world.gate
    world.gate.set()
    assert await asyncio.gather(*callers) == [2] * 20
    assert world.reads == 1


async def test_kafka_away_is_the_last_number_for_a_while_then_an_error_and_never_zero() -> None:
    """On the error the HPA holds still."""
    world = World(backlog=120_000)
    scaler = world.scaler()
    assert await scaler.desired() == 10
    world.error = LagUnavailableError("KafkaUnreachable", "spec.kafka.bootstrapServers: no")
    world.now += 59
    assert await scaler.desired() == 10
    assert reasons(scaler)["ScalingActive"] == (True, Reason.HOLDING)
    assert reasons(scaler)["Observing"] == (False, "KafkaUnreachable")
    world.now += 5
    with pytest.raises(NoNumberError, match=r"spec\.kafka\.bootstrapServers"):
        await scaler.desired()
    assert reasons(scaler)["ScalingActive"] == (False, Reason.UNKNOWN)
    world.error = None
    world.now += 5
    assert await scaler.desired() == 10


async def test_before_the_first_answer_there_is_no_number() -> None:
    """A guess would scale."""
    scaler = World(error=LagUnavailableError("TopicNotFound", "spec.kafka.topic: none")).scaler()
    with pytest.raises(NoNumberError, match=r"spec\.kafka\.topic"):
        await scaler.desired()


async def test_an_api_server_that_is_away_costs_no_number() -> None:
    """Kafka can be asked; the replicas last seen stand."""
    world = World(backlog=120_000)
    scaler = world.scaler()
    await scaler.look()
    world.pool_error, world.now = ApiUnavailableError("away"), world.now + 300
    assert await scaler.desired() == 10
    assert reasons(scaler)["Observing"] == (True, "Observed")


async def test_a_target_that_is_missing_is_told_by_its_field() -> None:
    """And the number goes on."""
    world = World(pool_error=ApiError(404, 'deployments.apps "consumer" not found'))
    scaler = world.scaler()
    assert await scaler.desired() == 1
    (target, *_) = scaler.findings
    assert (target.status, target.reason) == (False, "TargetNotFound")
    assert target.message.startswith("spec.scaleTargetRef.name: ")


async def test_other_bounds_count_at_once_and_a_new_guess_is_begun_from() -> None:
    """Without forgetting the topic."""
    world = World(backlog=120_000)
    scaler = world.scaler()
    assert await scaler.desired() == 10
    await scaler.resettle(PolicySettings(max_replicas=4, rate_per_consumer=100))
    assert await scaler.desired() == 4
    await scaler.resettle(PolicySettings(max_replicas=10, rate_per_consumer=10_000))
    plan = await scaler.look()
    assert plan.figures
    assert (plan.figures.rate_per_consumer, plan.figures.lag) == (10_000, 120_000)


async def test_a_restarted_one_goes_on_from_what_was_learned() -> None:
    """120,000 in 90 s at 1,000 a second and 80 %: 2, not the 10 of the configured guess."""
    assert await World(backlog=120_000).scaler(learned=ConsumerRate.resumed(1000, 1000)).desired() == 2


async def test_a_caller_that_leaves_does_not_end_the_look_of_the_others() -> None:
    """The HPA's controller may be restarted at any time."""
    world = World(gate=asyncio.Event())
    scaler = world.scaler()
    leaving, staying = asyncio.create_task(scaler.desired()), asyncio.create_task(scaler.desired())
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    assert world.gate
    world.gate.set()
    assert await staying == 2
    assert world.reads == 1
