"""``python -m bench.charts``: the charts of docs/benchmarks.md, from the JSON of the last full bench and the last growth."""

import sys
from contextlib import AbstractContextManager
from pathlib import Path

import matplotlib as mpl
import msgspec
from matplotlib.figure import Figure

from bench import growth, result
from bench.load import LOADTESTS
from bench.measurement import Measurement
from bench.result import Result

SOURCE = LOADTESTS / "results" / "bench.json"
FOLDER = LOADTESTS.parent / "docs" / "charts"
_ROW_INCHES, _WIDTH_INCHES, _EDGE_INCHES = 0.42, 8.0, 1.3
_PANEL_INCHES = 2.8
_BLUE, _RED, _GREY = "#2e90fa", "#d92d20", "#98a2b3"
# Twice the target is far enough to see that a figure is ahead.
_RIGHT = 2.5


def main() -> int:
    """Writes both charts; returns 1 where there is no result to draw."""
    try:
        found = result.read(SOURCE)
    except FileNotFoundError:
        sys.stderr.write(f"{SOURCE} is not there: run `make bench` first\n")
        return 1
    draw(found, FOLDER)
    if growth.FILE.exists():
        draw_growth(msgspec.json.decode(growth.FILE.read_bytes(), type=growth.Growth), FOLDER)
    return 0


def draw(found: Result, folder: Path) -> None:
    """As SVG: each figure against its target, and as a share of what the machine can do."""
    folder.mkdir(parents=True, exist_ok=True)
    with _style():
        _save(_against_targets(found), folder / "targets.svg")
        _save(_shares(found), folder / "shares.svg")
        if found.costs:
            _save(_costs(found), folder / "cost-of-a-click.svg")


def draw_growth(found: growth.Growth, folder: Path) -> None:
    """As SVG, one for each thing that grows: what was measured against how much there was of it."""
    folder.mkdir(parents=True, exist_ok=True)
    with _style():
        for grows in dict.fromkeys(point.grows for point in found.points):
            points = [point for point in found.points if point.grows == grows]
            _save(_curves(points, found), folder / f"growth-{grows.replace(' ', '-')}.svg")


def _style() -> AbstractContextManager[None]:
    # Text stays text, and equal results make equal files.
    return mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 9})


def ahead(item: Measurement) -> float:
    """1 where the target is just met; 2 where the figure is twice as good."""
    if not item.value:
        return 0.0
    return item.value / item.target if item.at_least else item.target / item.value


def _against_targets(found: Result) -> Figure:
    labels = [f"{item.figure}  {item.what}" for item in found.measurements]
    values = [ahead(item) for item in found.measurements]
    colours = [_BLUE if item.met else _RED for item in found.measurements]
    figure = _bars(labels, [min(value, _RIGHT) for value in values], [f"{value:.2f}×" for value in values], colours)
    figure.axes[0].axvline(1, color=_GREY, linestyle="--")
    figure.axes[0].set_title(f"Against the target (1 is met), {_where(found)}", loc="left")
    return figure


def _shares(found: Result) -> Figure:
    items = [(item, item.share, item.limit) for item in found.measurements]
    known = [(item, share, limit) for item, share, limit in items if share is not None and limit is not None]
    labels = [f"{item.figure}  {item.what}\nof: {limit.name}" for item, _, limit in known]
    values = [share * 100 for _, share, _ in known]
    figure = _bars(labels, values, [f"{value:.0f} %" for value in values], [_BLUE] * len(known))
    figure.axes[0].set_title(f"Percent of what the machine can do, {_where(found)}", loc="left")
    return figure


def _costs(found: Result) -> Figure:
    """A bar a pace, made of what each part takes."""
    figure = Figure(figsize=(_WIDTH_INCHES, _EDGE_INCHES + _ROW_INCHES * len(found.costs)), layout="constrained")
    axes = figure.subplots()
    paces = list(found.costs)
    lefts = [0.0] * len(paces)
    for part in found.costs[paces[0]]:
        spent = [found.costs[pace][part] for pace in paces]
        axes.barh(paces, spent, left=lefts, label=part)
        lefts = [left + more for left, more in zip(lefts, spent, strict=True)]
    axes.invert_yaxis()
    axes.legend(ncols=7, loc="upper center", bbox_to_anchor=(0.5, -0.15), frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(f"Microseconds of CPU that a click costs, {_where(found)}", loc="left")
    return figure


def _curves(points: list[growth.Point], found: growth.Growth) -> Figure:
    """A panel a figure, its scale from 0, so that a flat curve looks flat."""
    figures = list(dict.fromkeys(point.figure for point in points))
    figure = Figure(figsize=(_WIDTH_INCHES, _PANEL_INCHES), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(figures), squeeze=False)[0], figures, strict=True):
        shown = [point for point in points if point.figure == name]
        axes.plot([point.count for point in shown], [point.value for point in shown], "o-", color=_BLUE)
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_xlabel(points[0].grows)
        axes.set_title(name, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{found.finished_at:%Y-%m-%d}, {found.cores} cores")
    return figure


def _bars(labels: list[str], values: list[float], texts: list[str], colours: list[str]) -> Figure:
    figure = Figure(figsize=(_WIDTH_INCHES, _EDGE_INCHES + _ROW_INCHES * max(1, len(labels))), layout="constrained")
    axes = figure.subplots()
    if labels:
        axes.bar_label(axes.barh(labels, values, color=colours), texts, padding=4)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, format="svg", metadata={"Date": None})


def _where(found: Result) -> str:
    return f"{found.finished_at:%Y-%m-%d}, {found.cores} cores"


if __name__ == "__main__":
    sys.exit(main())
