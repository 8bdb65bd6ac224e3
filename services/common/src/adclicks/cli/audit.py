"""``adclicks audit``."""

import argparse
from typing import Any

import msgspec
import psycopg
from rich.console import Console
from rich.table import Table

from adclicks import kafka, postgres
from adclicks.audit import AUDIT_SQL, Audit, PartitionAudit, Totals, audit
from adclicks.settings import KafkaSettings, PostgresSettings, read

_COLUMNS = ("consumed", "stored", "duplicates", "rejected", "missing", "empty_offsets", "lag")
# What a recount of the raw rows finds, beside the sums, for the minutes whose raw rows are all still there.
_RECOUNT_SQL = """
with kept as (select coalesce(min(received_on), 'infinity'::date) as oldest from clicks),
sums as (select ad_id, minute, sum(clicks) as clicks from clicks_by_minute group by 1, 2
    having min(first_day) >= (select oldest from kept)),
raw as (select ad_id, date_trunc('minute', clicked_at, 'UTC') as minute, count(*) as clicks from clicks group by 1, 2)
select count(*) from sums left join raw using (ad_id, minute) where sums.clicks is distinct from raw.clicks
"""


def add_to(commands: Any) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "audit",
        help="does consumed = stored + duplicates + rejected hold, and do all counters agree?",
        description="Adds up the ledger and the counters. Exit code 1 where they do not add up. "
        "Needs DB_HOST, DB_USER, DB_PASSWORD; with KAFKA_ADDRESS it shows the lag as well.",
    )
    command.add_argument("--json", action="store_true", help="print JSON, as GET /audit answers")
    command.add_argument("--recount", action="store_true", help="count the raw clicks again, too (reads all of them)")
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    with postgres.connect(read(PostgresSettings), "adclicks-audit") as connection:
        result = audit(connection.execute(AUDIT_SQL).fetchall(), _ends(connection))
        differing = _recount(connection) if options.recount else 0
    if options.json:
        print(msgspec.json.encode(result).decode())
    else:
        _show(result)
    if differing:
        print(f"{differing} minutes have sums that differ from their raw clicks")
    return 0 if result.adds_up and not differing else 1


def _ends(connection: psycopg.Connection) -> dict[tuple[str, int], int] | None:
    try:
        settings = read(KafkaSettings)
        client = kafka.admin(settings)
        topic_id = kafka.topic_id(client, settings.topic)
        marks = kafka.watermarks(client, settings.topic, range(kafka.partition_count(client, settings.topic)))
    except Exception as error:
        print(f"no lag: {str(error).splitlines()[-1].strip()}")
        return None
    return {(topic_id, partition): mark.high for partition, mark in marks.items()}


def _recount(connection: psycopg.Connection) -> int:
    row = connection.execute(_RECOUNT_SQL).fetchone()
    return int(row[0]) if row else 0


def _show(result: Audit) -> None:
    table = Table(title="Every offset is a click stored, a duplicate, or a rejected record")
    for name in ("topic", "partition", "next offset", *_COLUMNS, "adds up"):
        table.add_column(name.replace("_", " "), justify="left" if name == "topic" else "right")
    for item in result.partitions:
        mark = "yes" if item.adds_up else "NO"
        table.add_row(item.topic, str(item.partition), str(item.next_offset), *_cells(item), mark)
    table.add_section()
    table.add_row("in all", "", "", *_cells(result.total), "yes" if result.adds_up else "NO")
    # Narrower, in a log or a pipe, the numbers would be cut.
    Console(width=max(Console().width, 128)).print(table)
    total = result.total
    print(
        f"counters: {total.counted_clicks} clicks, {total.counted_duplicates} duplicates; sums by day: {total.summed_clicks}"
    )


def _cells(item: PartitionAudit | Totals) -> list[str]:
    return ["?" if getattr(item, name) is None else str(getattr(item, name)) for name in _COLUMNS]
