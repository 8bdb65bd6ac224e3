"""The made history is as good as one that was consumed: every sum and the ledger belong to its clicks."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench import history
from bench.measurement import NotMeasured
from testbed.installation import Installation

CLICKS = 3_000


@pytest.fixture(scope="module")
def filled(installation: Installation) -> Installation:
    """With a short history."""
    history.fill(installation.connect, CLICKS, datetime.now(UTC).date(), Path("/"))
    return installation


def test_every_sum_belongs_to_the_clicks(filled: Installation) -> None:
    """Raw rows, totals and the sums of every size say the same."""
    counts = filled.counts()
    assert sum(counts.values()) == CLICKS
    filled.assert_counted_once(counts)


def test_the_audit_adds_up(filled: Installation) -> None:
    """The ledger accounts for every click, so a figure measured beside the history can still be audited."""
    found = filled.audit()
    assert found.adds_up
    assert found.total.stored == CLICKS


def test_indexes_are_as_the_schema_has_them(
    filled: Installation, make_installation: Callable[[], Installation]
) -> None:
    """They are taken away for the filling; measured without one of them, a figure would mean nothing."""
    statement = """
        select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index join pg_class on oid = indrelid
        where not relispartition and relnamespace = 'public'::regnamespace order by 1
    """
    assert filled.sql(statement) == make_installation().sql(statement)


def test_a_disk_that_is_too_small_is_told_before(installation: Installation, tmp_path: Path) -> None:
    """With how much is needed and what to do; PostgreSQL would stop in the middle."""
    with pytest.raises(NotMeasured, match="set TMPDIR to a larger disk"):
        history.fill(installation.connect, 10**12, datetime.now(UTC).date(), tmp_path)
