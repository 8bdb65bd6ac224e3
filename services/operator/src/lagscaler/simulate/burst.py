"""The burst of tests/e2e/test_4_scaling.py: what the simulator predicts for it, in the form of that test's table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lagscaler.policy.settings import PolicySettings
from lagscaler.simulate.run import run
from lagscaler.simulate.scalers import PlannedScaler
from lagscaler.simulate.setup import AT_ONCE, Setup
from lagscaler.simulate.traces import Trace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagscaler.simulate.run import Result, Sample

# As that test has them.
MESSAGES = 200_000
SETTINGS = PolicySettings(max_replicas=4, rate_per_consumer=1000.0, drain_seconds=100.0, startup_seconds=10.0)
SETUP = Setup(
    partitions=4,
    consumer_rate=1000.0,
    max_replicas=4,
    behavior=replace(AT_ONCE, down_window_seconds=30),
    sample_seconds=2,
)
# Until the burst begins: the operator has looked at an idle topic for a while.
QUIET_SECONDS = 60
RUNS = 20


def predict(sent_in_seconds: int, start_seconds: tuple[int, int], sync_seconds: int) -> str:
    """The first of `RUNS` runs as a table, and how long the backlog lasted in all of them. The messages arrive evenly in
    `sent_in_seconds`; `start_seconds` and `sync_seconds` as in `Setup`.
    """
    trace = Trace("burst", QUIET_SECONDS + 400, lambda second: _arrivals(second, sent_in_seconds))
    setup = replace(SETUP, start_seconds=start_seconds, sync_seconds=sync_seconds)
    results = [run(trace, PlannedScaler(SETTINGS), setup, seed) for seed in range(RUNS)]
    drains = sorted(backlog_seconds(result.samples) for result in results)
    last = f"drained after {drains[RUNS // 2]} s ({drains[0]} to {drains[-1]} s in {RUNS} runs)"
    return f"{_table(results[0])}\n\n{last}\n"


def _arrivals(second: int, sent_in_seconds: int) -> float:
    return MESSAGES / sent_in_seconds if 0 <= second - QUIET_SECONDS < sent_in_seconds else 0.0


def backlog_seconds(samples: Sequence[Sample]) -> int:
    """From the first look with a backlog to the last."""
    behind = [sample.second for sample in samples if sample.lag]
    return behind[-1] - behind[0] if behind else 0


def _table(result: Result) -> str:
    lines = ["seconds      lag  desired  asked  ready"]
    last: tuple[object, ...] | None = None
    for sample in result.samples:
        seen = (sample.desired, sample.replicas, sample.ready, bool(sample.lag))
        if sample.second >= QUIET_SECONDS - SETUP.sample_seconds and seen != last:
            at = sample.second - QUIET_SECONDS
            lines.append(f"{at:7} {sample.lag:>8} {sample.desired!s:>8} {sample.replicas:6} {sample.ready:6}")
            last = seen
    return "\n".join(lines)
