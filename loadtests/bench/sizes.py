"""How much is measured: enough for figures to quote, or just enough to notice a change."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Sizes:
    """Counts of clicks unless the name says otherwise. ``row``: users, and clicks of each."""

    row: int
    load_seconds: int
    batch: int
    backlog: int
    history: int
    history_backlog: int
    reads_per_second: int
    reads_seconds: int
    paced_seconds: int
    paced_row: int
    limit_records: int


FULL = Sizes(
    row=300,
    load_seconds=20,
    batch=500,
    backlog=2_000_000,
    history=50_000_000,
    history_backlog=1_000_000,
    reads_per_second=500,
    reads_seconds=30,
    paced_seconds=50,
    paced_row=300,
    limit_records=500_000,
)
# All of it within two minutes.
QUICK = Sizes(
    row=100,
    load_seconds=4,
    batch=500,
    backlog=150_000,
    history=300_000,
    history_backlog=60_000,
    reads_per_second=200,
    reads_seconds=5,
    paced_seconds=5,
    paced_row=100,
    limit_records=100_000,
)
# A curve has many points, so each is smaller.
GROWTH = replace(FULL, load_seconds=5, backlog=500_000, reads_per_second=200, reads_seconds=10)
