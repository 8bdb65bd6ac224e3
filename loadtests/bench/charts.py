"""``python -m bench.charts``: the charts of docs/benchmarks.md, from the JSON of the last full bench."""

import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from bench import result
from bench.load import LOADTESTS
from bench.measurement import Measurement
from bench.result import Result

SOURCE = LOADTESTS / "results" / "bench.json"
FOLDER = LOADTESTS.parent / "docs" / "charts"
_ROW_INCHES, _WIDTH_INCHES, _EDGE_INCHES = 0.42, 8.0, 1.3
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
    return 0


def draw(found: Result, folder: Path) -> None:
    """As SVG: each figure against its target, and as a share of what the machine can do."""
    folder.mkdir(parents=True, exist_ok=True)
    # Text stays text, and equal results make equal files.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 9}):
        _save(_against_targets(found), folder / "targets.svg")
        _save(_shares(found), folder / "shares.svg")


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
