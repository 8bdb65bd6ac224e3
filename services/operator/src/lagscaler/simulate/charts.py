"""The comparison as SVG files. The only module that needs matplotlib, which only development brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure

from lagscaler.simulate.compare import CPU, KEDA, PLAN, Comparison, Contender
from lagscaler.simulate.traces import PARTITIONS, TRACES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

# Legible on light and dark pages, and for the colour-blind (Okabe and Ito).
COLORS = {"plan": "#0072B2", "keda": "#D55E00", "cpu": "#009E73"}


def draw(comparison: Comparison, folder: Path) -> list[Path]:
    """A chart for each trace and one of cost against time behind; the same comparison gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    shown = [PLAN, comparison.best_of(KEDA), comparison.best_of(CPU)]
    with mpl.rc_context({"svg.hashsalt": "lagscaler", "svg.fonttype": "none", "font.size": 9}):
        paths = [_save(_course(comparison, shown, trace.name), folder, trace.name) for trace in TRACES]
        return [*paths, _save(_frontier(comparison), folder, "cost against time behind")]


def _save(figure: Figure, folder: Path, name: str) -> Path:
    path = folder / f"{name.replace(' ', '-')}.svg"
    figure.savefig(path, metadata={"Date": None, "Creator": None}, facecolor="white")
    # Matplotlib leaves blanks at line ends, which every whitespace check complains of.
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")
    return path


def _course(comparison: Comparison, shown: Sequence[Contender], trace: str) -> Figure:
    figure = Figure(figsize=(8, 6), layout="constrained")
    arrivals, lag, replicas = figure.subplots(3, 1, sharex=True)
    for contender in shown:
        result = comparison.results[contender, trace]
        minutes = [sample.second / 60 for sample in result.samples]
        style = {"color": COLORS[contender.kind], "label": result.scaler, "linewidth": 1.2}
        lag.plot(minutes, [sample.lag for sample in result.samples], **style)
        replicas.step(minutes, [sample.replicas for sample in result.samples], where="post", **style)
    samples = comparison.results[PLAN, trace].samples
    arrivals.plot([s.second / 60 for s in samples], [s.arrivals for s in samples], color="#555555", linewidth=1.2)
    for axes, label in ((arrivals, "arrivals a second"), (lag, "lag, messages"), (replicas, "replicas")):
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    replicas.set_ylim(0, PARTITIONS + 1)
    replicas.set_xlabel("minutes")
    lag.legend(loc="upper right")
    figure.suptitle(trace)
    return figure


def _frontier(comparison: Comparison) -> Figure:
    figure = Figure(figsize=(9, 10), layout="constrained")
    for axes, trace in zip(figure.subplots(4, 2).flat, TRACES, strict=True):
        _scatter(axes, comparison, KEDA, trace.name, "KEDA, all thresholds", "o")
        _scatter(axes, comparison, CPU, trace.name, "CPU, all targets", "s")
        _scatter(axes, comparison, [PLAN], trace.name, "plan", "*")
        axes.set_title(trace.name)
        axes.set_xlabel("consumer-seconds")
        axes.set_ylabel("seconds behind")
        axes.set_yscale("symlog", linthresh=10)
        axes.set_ylim(-2, 30_000)
        axes.grid(alpha=0.3)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def _scatter(
    axes: Axes, comparison: Comparison, contenders: Sequence[Contender], trace: str, label: str, marker: str
) -> None:
    results = [comparison.results[contender, trace] for contender in contenders]
    axes.scatter(
        [result.consumer_seconds for result in results],
        [result.behind_seconds for result in results],
        color=COLORS[contenders[0].kind],
        label=label,
        marker=marker,
        s=90 if marker == "*" else 16,
        zorder=3 if marker == "*" else 2,
    )
