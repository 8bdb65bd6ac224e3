"""The simulated pipeline loses nothing and gives every partition one reader; the same seed gives the same run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lagscaler.resources import behavior
from lagscaler.simulate.__main__ import main
from lagscaler.simulate.compare import KEDA, PLAN, Contender, beats
from lagscaler.simulate.hpa import Behavior
from lagscaler.simulate.run import run, settings
from lagscaler.simulate.scalers import PlannedScaler
from lagscaler.simulate.setup import AT_ONCE, Rebalance, Setup
from lagscaler.simulate.traces import CONSUMER_RATE, PARTITIONS, TRACES, Trace
from lagscaler.simulate.world import World
from lagscaler.spec import parse

SPIKE = next(trace for trace in TRACES if trace.name == "10x spike")


def level(per_second: float) -> Trace:
    return Trace("level", 600, lambda _second: per_second)


@pytest.mark.parametrize("rebalance", ["incremental", "stop-the-world"])
def test_every_partition_has_one_reader_and_shares_differ_by_one_at_most(rebalance: Rebalance) -> None:
    """However the pool changes, partitions are dealt out by count."""
    world = World(level(3000), Setup(rebalance=rebalance), seed=1)
    for second in range(300):
        world.scale(1 + second // 20 % 14, second)
        world.step(second)
        owned = [partition.owner for partition in world.partitions]
        ready = {pod.name for pod in world.ready(second)}
        shares = [owned.count(name) for name in ready]
        assert set(owned) <= ready
        assert max(shares) - min(shares) <= 1


def test_nobody_reads_what_was_not_written_or_more_than_a_consumer_can() -> None:
    """Positions stay behind ends, and one consumer reads about its rate."""
    world = World(level(3000), Setup(), seed=1)
    for second in range(100):
        world.step(second)
        assert all(partition.position <= partition.end for partition in world.partitions)
    assert sum(partition.position for partition in world.partitions) == pytest.approx(100 * CONSUMER_RATE, rel=0.02)


def test_the_same_seed_gives_the_same_result_and_another_seed_another() -> None:
    """The tables of the documentation can be made again."""
    first, again, other = (run(SPIKE, PlannedScaler(settings()), seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize("rival", [*KEDA[4:12], Contender("cpu", 0.75)], ids=lambda rival: rival.name)
def test_no_rival_is_both_faster_and_cheaper_on_a_spike(rival: Contender) -> None:
    """By neither measure, and with our HPA's behavior neither. The whole comparison is `make simulate`."""
    ours = run(SPIKE, PLAN.build(), Setup(behavior=PLAN.behavior))
    theirs = run(SPIKE, rival.build(), Setup(behavior=rival.behavior))
    assert not any(beats(theirs, ours))


def test_the_simulated_hpa_scales_as_the_one_that_the_operator_writes() -> None:
    """Else the tables would be of somebody else's HPA."""
    kafka = {"bootstrapServers": "kafka:9092", "topic": "clicks", "group": "consumers"}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "consumer"}
    spec = {"scaleTargetRef": target, "kafka": kafka, "maxReplicas": PARTITIONS, "ratePerConsumer": 1000}
    up, down = (behavior(parse(spec))[direction] for direction in ("scaleUp", "scaleDown"))
    (pods,), (percent,) = up["policies"], down["policies"]
    assert (pods["type"], percent["type"]) == ("Pods", "Percent")
    assert (
        Behavior(
            up_window_seconds=up["stabilizationWindowSeconds"],
            up_pods=pods["value"],
            down_window_seconds=down["stabilizationWindowSeconds"],
            down_percent=percent["value"],
            period_seconds=pods["periodSeconds"],
        )
        == AT_ONCE
    )


def test_the_burst_of_the_cluster_test_is_predicted_in_that_tests_form(capsys: pytest.CaptureFixture[str]) -> None:
    """One becomes four, and the backlog is gone within the target."""
    assert main(["--burst", "30", "--start", "5", "10", "--sync", "5"]) == 0
    table, drained = capsys.readouterr().out.strip().split("\n\n")
    assert table.splitlines()[0].split() == ["seconds", "lag", "desired", "asked", "ready"]
    assert max(int(line.split()[-1]) for line in table.splitlines()[1:]) == 4
    assert int(drained.split()[2]) <= 100


def test_a_backlog_that_the_pool_can_drain_is_gone_within_the_target() -> None:
    """The spike needs all twelve consumers, and drains in the target time although pods start slowly."""
    assert run(SPIKE, PlannedScaler(settings())).drain_seconds <= 120


def test_a_wrong_guess_of_the_rate_costs_and_does_not_fail() -> None:
    """Half or double the true rate: the slow pool of a spike still drains within twice the target."""
    for guess in (0.5, 2.0):
        short = replace(SPIKE, seconds=2400)
        assert run(short, PlannedScaler(settings(guess))).drain_seconds <= 240
