"""All scalers on all traces, averaged over seeds, and who beats whom."""

from __future__ import annotations

import math
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from lagscaler.simulate.hpa import Behavior
from lagscaler.simulate.run import DRAIN_TARGET_SECONDS, Result, run, settings
from lagscaler.simulate.scalers import CpuScaler, KedaScaler, PlannedScaler
from lagscaler.simulate.setup import AT_ONCE, Setup
from lagscaler.simulate.traces import TRACES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lagscaler.simulate.scalers import Scaler
    from lagscaler.simulate.setup import Rebalance

SEEDS = (1, 2, 3)
THRESHOLDS = (500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
CPU_TARGETS = (0.7, 0.75, 0.8)
# The configured rate per consumer over the true one.
GUESSES = (0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class Contender:
    """A scaler that can be sent to another process: what to build, not what was built. `at_once`: with the behavior of the
    HPA that our operator owns, instead of Kubernetes' own.
    """

    kind: str
    number: float
    even: bool = False
    at_once: bool = False

    @property
    def name(self) -> str:
        return f"{self.build().name}{', at once' if self.at_once and self.kind != 'plan' else ''}"

    @property
    def behavior(self) -> Behavior:
        return AT_ONCE if self.at_once else Behavior()

    def build(self) -> Scaler:
        if self.kind == "plan":
            return PlannedScaler(settings(self.number))
        if self.kind == "keda":
            return KedaScaler(int(self.number), even=self.even)
        return CpuScaler(self.number)


PLAN = Contender("plan", 1.0, at_once=True)
# Each rival both as it ships and with our HPA's behavior, which anybody may write.
KEDA = tuple(
    Contender("keda", threshold, even, at_once)
    for threshold in THRESHOLDS
    for even in (False, True)
    for at_once in (False, True)
)
CPU = tuple(Contender("cpu", target, at_once=at_once) for target in CPU_TARGETS for at_once in (False, True))
GUESSED = tuple(Contender("plan", guess, at_once=True) for guess in GUESSES)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Results by contender and trace."""

    results: dict[tuple[Contender, str], Result]

    def best_of(self, contenders: Sequence[Contender]) -> Contender:
        """The one setting that does best over all traces: the least cost times slowness, as a geometric mean."""
        return min(contenders, key=lambda contender: sum(math.log(_price(result)) for result in self.of(contender)))

    def of(self, contender: Contender) -> list[Result]:
        return [result for (who, _), result in self.results.items() if who == contender]

    def better_in_both(self) -> list[Result]:
        """Rivals that are faster by either measure and cost less than the plan on a trace; none, if the plan keeps what it
        promises.
        """
        return [
            rival
            for (contender, trace), rival in self.results.items()
            if contender.kind != "plan" and any(beats(rival, self.results[PLAN, trace]))
        ]


def _price(result: Result) -> float:
    return result.consumer_seconds * (1 + result.behind_seconds / DRAIN_TARGET_SECONDS)


def beats(one: Result, other: Result) -> tuple[bool, bool]:
    """Not slower and not dearer, and better in one of the two: by the longest drain, and by all time behind."""
    return (
        _dominates((one.drain_seconds, one.consumer_seconds), (other.drain_seconds, other.consumer_seconds)),
        _dominates((one.behind_seconds, one.consumer_seconds), (other.behind_seconds, other.consumer_seconds)),
    )


def _dominates(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one != other and one[0] <= other[0] and one[1] <= other[1]


def compare(rebalance: Rebalance = "incremental") -> Comparison:
    """Every contender on every trace; a few minutes on two cores."""
    jobs = [
        (contender, index, seed, rebalance)
        for contender in dict.fromkeys((*KEDA, *CPU, *GUESSED))
        for index in range(len(TRACES))
        for seed in SEEDS
    ]
    with ProcessPoolExecutor() as pool:
        done = list(zip(jobs, pool.map(_run, jobs, chunksize=4), strict=True))
    return Comparison(
        {key: _mean([result for _, result in group]) for key, group in groupby(done, key=lambda pair: _key(pair[0]))}
    )


def _key(job: tuple[Contender, int, int, Rebalance]) -> tuple[Contender, str]:
    return job[0], TRACES[job[1]].name


def _run(job: tuple[Contender, int, int, Rebalance]) -> Result:
    contender, index, seed, rebalance = job
    setup = Setup(rebalance=rebalance, behavior=contender.behavior)
    return replace(run(TRACES[index], contender.build(), setup, seed), scaler=contender.name)


def _mean(results: Sequence[Result]) -> Result:
    """The mean of the measures; the samples of the first seed, since an average of curves shows none of them."""

    def mean(measure: Callable[[Result], int]) -> int:
        return round(sum(measure(result) for result in results) / len(results))

    return replace(
        results[0],
        drain_seconds=mean(lambda result: result.drain_seconds),
        behind_seconds=mean(lambda result: result.behind_seconds),
        consumer_seconds=mean(lambda result: result.consumer_seconds),
        changes=mean(lambda result: result.changes),
        worst_lag=mean(lambda result: result.worst_lag),
    )
