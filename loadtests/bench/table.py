"""The table that the bench prints. Pure."""

from collections.abc import Mapping, Sequence

from bench.measurement import Measurement

_HEAD = ("", "figure", "measured", "target", "met", "the machine's own limit", "share")


def table(measurements: Sequence[Measurement], missing: Mapping[str, str], *, judged: bool) -> str:
    """``missing``: why a figure was not measured. ``judged``: false where so little was measured that no target applies."""
    rows = [_row(item, judged=judged) for item in measurements]
    widths = [max(map(len, column)) for column in zip(_HEAD, *rows, strict=True)]
    lines = [_line(row, widths) for row in (_HEAD, tuple("─" * width for width in widths), *rows)]
    lines += [f"{item.figure}  WRONG: {item.what}: {item.wrong}" for item in measurements if item.wrong]
    lines += [f"{figure}  not measured: {reason}" for figure, reason in missing.items()]
    return "\n".join(lines)


def cost_table(costs: Mapping[str, Mapping[str, float]]) -> str:
    """``costs``: microseconds of CPU that a click costs each part, by pace; empty where none was measured."""
    if not costs:
        return ""
    parts = list(next(iter(costs.values())))
    rows = [
        [pace, *(number(spent[part]) for part in parts), number(sum(spent.values()))] for pace, spent in costs.items()
    ]
    head = ["CPU µs a click", *parts, "all"]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in (head, *rows)
    )


def number(value: float) -> str:
    """Three digits that count, thousands apart."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _row(item: Measurement, *, judged: bool) -> tuple[str, ...]:
    limit = f"{number(item.limit.value)} {item.unit} {item.limit.name}" if item.limit else "–"
    share = "–" if item.share is None else f"{item.share:.0%}"
    return (
        item.figure,
        item.what,
        f"{number(item.value)} {item.unit}",
        f"{'≥' if item.at_least else '≤'} {number(item.target)} {item.unit}",
        ("yes" if item.met else "NO") if judged else "–",
        limit,
        share,
    )


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    left = (0, 1, 4, 5)
    return "  ".join(
        cell.ljust(width) if index in left else cell.rjust(width)
        for index, (cell, width) in enumerate(zip(row, widths, strict=True))
    ).rstrip()
