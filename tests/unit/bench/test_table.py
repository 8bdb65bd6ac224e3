"""The table says at a glance what was measured, whether it is enough, and how far the machine could go."""

import pytest

from bench.measurement import Limit, Measurement
from bench.table import number, table

RATE = Measurement("P2", "single clicks", 21_500, "/s", 20_000, at_least=True, limit=Limit("empty", 23_000))
TIME = Measurement("P1", "until queryable", 10.0, "s", 12, at_least=False, limit=Limit("k6 alone", 8.0))


def test_a_figure_stands_beside_its_target_and_its_limit() -> None:
    """One line has the figure, the target, the verdict, the limit, and the share of it that was reached."""
    line = table([RATE], {}, judged=True).splitlines()[2]
    assert [cell.strip() for cell in line.split("  ") if cell.strip()] == [
        "P2",
        "single clicks",
        "21,500 /s",
        "≥ 20,000 /s",
        "yes",
        "23,000 /s empty",
        "93%",
    ]


def test_a_time_is_better_the_shorter_it_is() -> None:
    """Of a time, the share is that of the limit in it; the target is met from below."""
    assert TIME.met
    assert TIME.share == pytest.approx(0.8)


def test_a_figure_that_lost_a_click_is_never_met() -> None:
    """However fast: the table says NO, and what was wrong."""
    wrong = Measurement("P1", "until queryable", 1.0, "s", 12, at_least=False, wrong="3 lost, 0 counted twice")
    text = table([wrong], {}, judged=True)
    assert "NO" in text
    assert "WRONG: until queryable: 3 lost" in text


def test_a_quick_run_judges_nothing() -> None:
    """So little was measured that no target applies."""
    line = table([RATE], {}, judged=False).splitlines()[2]
    assert "yes" not in line
    assert "NO" not in line


def test_what_could_not_be_measured_is_named_with_its_remedy() -> None:
    """Silence would look like a figure that was met."""
    assert "P3  not measured: needs wrk: apt install wrk" in table(
        [], {"P3": "needs wrk: apt install wrk"}, judged=True
    )


@pytest.mark.parametrize(
    ("value", "text"), [(21_499.6, "21,500"), (100, "100"), (99.94, "99.9"), (4.256, "4.26"), (0.8, "0.8")]
)
def test_numbers_have_the_digits_that_count(value: float, text: str) -> None:
    """No more of them than a measurement has."""
    assert number(value) == text
