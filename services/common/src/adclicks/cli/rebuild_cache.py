"""``adclicks rebuild-cache``."""

import argparse
from typing import Any

from adclicks import postgres, redis_totals
from adclicks.settings import PostgresSettings, RedisSettings, read

_TRIES = 3


def add_to(commands: Any) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "rebuild-cache",
        help="write the live totals to Redis anew, from PostgreSQL",
        description="Consumers heal the cache by themselves; this does it at once, and without them. "
        "Needs DB_HOST, DB_USER, DB_PASSWORD, REDIS_ADDR.",
    )
    command.set_defaults(run=_run)


def _run(_options: argparse.Namespace) -> int:
    target = redis_totals.RedisTotals(redis_totals.connect(read(RedisSettings)))
    with postgres.connect(read(PostgresSettings), "adclicks-rebuild", autocommit=True, target="primary") as connection:
        partitions = redis_totals.ledger_partitions(connection)
        for topic, topic_id, partition in partitions:
            # A set that Redis lost in mid-build is built once more.
            if not any(
                target.replace(redis_totals.read_partition(connection, topic, topic_id, partition))
                for _ in range(_TRIES)
            ):
                print(f"{topic}[{partition}]: redis lost the totals while they were written")
                return 1
            print(f"{topic}[{partition}]: written")
    print(f"{len(partitions)} partitions written")
    return 0
