"""The outcomes as text (pure)."""

from collections.abc import Mapping, Sequence

from kafkafaults.faults import Setup
from kafkafaults.trial import Outcome

_HEAD = (
    "| setup | fault | trials | seconds away | until all is read: median, longest | until acknowledged: longest "
    "| workers replaced | producers replaced | restarts by hand | lost | double |"
)


def row(setup: Setup, outcome: Outcome) -> str:
    """One outcome, on a line."""
    fault = outcome.fault
    return (
        f"{setup.name} | {fault.kind} of {len(fault.brokers)} | away {fault.seconds:.0f} s | "
        f"read after {_seconds(outcome.read_seconds)} | acknowledged after {_seconds(outcome.acknowledged_seconds)} | "
        f"workers replaced {outcome.replaced_workers} | producers replaced {outcome.replaced_producers} | "
        f"lost {outcome.lost} | double {outcome.double}"
    )


def table(outcomes: Mapping[Setup, Sequence[Outcome]]) -> str:
    """A row for each setup and kind of fault."""
    lines = [_HEAD, "| --- " * (_HEAD.count("|") - 1) + "|"]
    for setup, found in outcomes.items():
        for kind in ("freeze", "kill"):
            some = [outcome for outcome in found if outcome.fault.kind == kind]
            if some:
                lines.append(_summary(setup, kind, some))
    return "\n".join(lines) + "\n"


def _summary(setup: Setup, kind: str, some: Sequence[Outcome]) -> str:
    away = [outcome.fault.seconds for outcome in some]
    read = sorted(_or_never(outcome.read_seconds) for outcome in some)
    cells = (
        setup.name,
        kind,
        len(some),
        f"{min(away):.0f}–{max(away):.0f}",
        f"{read[len(read) // 2]:.1f} s, {read[-1]:.1f} s",
        f"{max(_or_never(outcome.acknowledged_seconds) for outcome in some):.1f} s",
        sum(outcome.replaced_workers for outcome in some),
        sum(outcome.replaced_producers for outcome in some),
        0,
        sum(outcome.lost for outcome in some),
        sum(outcome.double for outcome in some),
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def _or_never(seconds: float | None) -> float:
    return float("inf") if seconds is None else seconds


def _seconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"
