"""Charts are drawn from results alone, a file each."""

from datetime import UTC, datetime
from pathlib import Path

from bench import charts
from bench.growth import Growth, Point
from bench.measurement import Limit, Measurement
from bench.result import Found, result_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_bench_has_a_chart_of_targets_of_shares_and_of_costs(tmp_path: Path) -> None:
    """The cost of a click only where it was measured."""
    met = Measurement("P1", "clicks", 10.0, "s", 12.0, at_least=False, limit=Limit("an empty server", 5.0))
    found = Found([met], {}, {"fast": {"k6": 100.0, "Kafka": 30.0}})
    charts.draw(result_of(found, "make bench", NOW, quick=False), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"targets.svg", "shares.svg", "cost-of-a-click.svg"}
    assert "an empty server" in (tmp_path / "shares.svg").read_text()


def test_what_grows_has_a_chart_each_that_is_the_same_for_the_same_points(tmp_path: Path) -> None:
    """So that a chart in the repository changes only with its figures."""
    points = [Point(grows, count, "drained", 1.0 * count) for grows in ("ads", "stored clicks") for count in (1, 10)]
    for folder in (tmp_path / "once", tmp_path / "twice"):
        charts.draw_growth(Growth(NOW, 2, points), folder)
    names = {path.name for path in (tmp_path / "once").iterdir()}
    assert names == {"growth-ads.svg", "growth-stored-clicks.svg"}
    assert all((tmp_path / "once" / name).read_bytes() == (tmp_path / "twice" / name).read_bytes() for name in names)
