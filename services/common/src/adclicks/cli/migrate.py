"""``adclicks migrate``."""

import argparse
from typing import Any

from adclicks import pooling, postgres, schema
from adclicks.settings import PostgresSettings, read


def add_to(commands: Any) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "migrate",
        help="bring the database's schema up to date",
        description="Applies the migrations that the database lacks. Safe to run again, and by several at once. "
        "Needs DB_HOST, DB_USER, DB_PASSWORD.",
    )
    command.set_defaults(run=_run)


def _run(_options: argparse.Namespace) -> int:
    settings = read(PostgresSettings)
    with postgres.connect(settings, "adclicks-migrate", autocommit=True, target="read-write") as connection:
        pooling.require_own_session(connection, settings)
        for migration in schema.migrate(connection):
            print(f"applied {migration.name}")
        print(f"the schema is at version {schema.current_version(connection)}")
    return 0
