"""The comparison as Markdown tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagscaler.simulate.compare import CPU, GUESSED, KEDA, PLAN, Comparison, Contender, beats
from lagscaler.simulate.run import DRAIN_TARGET_SECONDS, Result
from lagscaler.simulate.traces import TRACES

if TYPE_CHECKING:
    from collections.abc import Sequence


def report(comparison: Comparison) -> str:
    """Three tables: the measures, the whole sweep against the plan, and the plan with wrong first guesses."""
    shown = [PLAN, comparison.best_of(KEDA), comparison.best_of(CPU)]
    return "\n\n".join([_measures(comparison, shown), _sweep(comparison), _guesses(comparison)]) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", "---", *["---:"] * (len(head) - 2)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _measures(comparison: Comparison, shown: Sequence[Contender]) -> str:
    target = f"longest drain, s (target {DRAIN_TARGET_SECONDS:.0f})"
    head = ["trace", "scaler", target, "behind in all, s", "consumer-seconds", "changes", "worst lag"]
    rows = []
    for trace in TRACES:
        for contender in shown:
            result = comparison.results[contender, trace.name]
            rows.append(
                [
                    trace.name if contender == PLAN else "",
                    result.scaler,
                    f"{result.drain_seconds:,}",
                    f"{result.behind_seconds:,}",
                    f"{result.consumer_seconds:,}",
                    f"{result.changes}",
                    f"{result.worst_lag:,}",
                ]
            )
    return _table(head, rows)


def _sweep(comparison: Comparison) -> str:
    """What the sweep would cost at our speed, and how slow it would be at our cost. Who is as fast by either measure is."""
    head = [
        "trace",
        "the plan",
        f"of {len(KEDA)} KEDA and {len(CPU)} CPU settings worse in both",
        "better in both",
        "cheapest that is as fast",
        "fastest that is as cheap",
    ]
    rows = []
    for trace in TRACES:
        ours = comparison.results[PLAN, trace.name]
        rivals = [comparison.results[rival, trace.name] for rival in (*KEDA, *CPU)]
        as_fast = [
            rival
            for rival in rivals
            if rival.behind_seconds <= ours.behind_seconds or rival.drain_seconds <= ours.drain_seconds
        ]
        as_cheap = [rival for rival in rivals if rival.consumer_seconds <= ours.consumer_seconds]
        rows.append(
            [
                trace.name,
                f"{_slowness(ours)}, {ours.consumer_seconds:,}",
                str(sum(all(beats(ours, rival)) for rival in rivals)),
                str(sum(any(beats(rival, ours)) for rival in rivals)),
                _cheapest(as_fast),
                _fastest(as_cheap),
            ]
        )
    return _table(head, rows)


def _cheapest(rivals: Sequence[Result]) -> str:
    best = min(rivals, key=lambda rival: rival.consumer_seconds, default=None)
    return "none" if best is None else f"{best.scaler}: {_slowness(best)}, {best.consumer_seconds:,}"


def _fastest(rivals: Sequence[Result]) -> str:
    best = min(rivals, key=lambda rival: (rival.drain_seconds, rival.behind_seconds), default=None)
    return "none" if best is None else f"{best.scaler}: {_slowness(best)}, {best.consumer_seconds:,}"


def _slowness(result: Result) -> str:
    """The longest drain, and all time behind where that is more."""
    more = f" ({result.behind_seconds:,})" if result.behind_seconds > result.drain_seconds else ""
    return f"{result.drain_seconds:,}{more} s"


def _guesses(comparison: Comparison) -> str:
    head = ["trace", "measure", *(f"guess x {contender.number:g}" for contender in GUESSED)]
    rows = []
    for trace in TRACES:
        results = [comparison.results[contender, trace.name] for contender in GUESSED]
        rows.append([trace.name, "behind in all, s", *(f"{result.behind_seconds:,}" for result in results)])
        rows.append(["", "consumer-seconds", *(f"{result.consumer_seconds:,}" for result in results)])
    return _table(head, rows)
