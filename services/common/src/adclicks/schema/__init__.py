"""The database's schema: numbered SQL files, applied in order, each once, in its own transaction."""

import time
from dataclasses import dataclass
from importlib.resources import files
from itertools import count
from random import Random

import psycopg

from adclicks.backoff import Backoff

# Any fixed number, the same in every version: it keeps two migrations from running side by side.
_LOCK = 7_214_001
_LOCK_TIMEOUT = "60s"
# While a migration waits for its lock on a table, every insert into that table waits behind it. So it waits a little, many
# times, with pauses in which they go on.
_TABLE_LOCK_TIMEOUT = "1s"
_PATIENCE_SECONDS = 120.0
_PAUSES = Backoff(first_seconds=1.0, limit_seconds=5.0)


class SchemaError(Exception):
    """The database's schema is not the one that this version needs."""


@dataclass(frozen=True)
class Migration:
    """One file of this folder: ``number`` orders it, ``name`` is its file name without the ending."""

    number: int
    name: str
    sql: str


def migrations() -> list[Migration]:
    """All migrations, oldest first."""
    found = sorted(path.name for path in files(__name__).iterdir() if path.name.endswith(".sql"))
    return [
        Migration(int(name.split("_")[0]), name.removesuffix(".sql"), (files(__name__) / name).read_text())
        for name in found
    ]


def required_version() -> int:
    """The number of the newest migration."""
    return migrations()[-1].number


def migrate(connection: psycopg.Connection) -> list[Migration]:
    """Applies what is missing and returns it. Waits, at most a minute, for another migration that is under way, and two minutes
    for a table that a transaction uses, without holding up those that write to it.

    ``connection`` must be in autocommit mode. Raises ``psycopg.Error``; what was applied before it stays applied.
    """
    applied = []
    connection.execute(f"set lock_timeout = '{_LOCK_TIMEOUT}'")
    connection.execute("select pg_advisory_lock(%s)", (_LOCK,))
    try:
        connection.execute(
            "create table if not exists schema_migrations "
            "(number integer primary key, name text not null, applied_at timestamptz not null default now())"
        )
        current = current_version(connection)
        for migration in migrations():
            if migration.number > current:
                _apply(connection, migration)
                applied.append(migration)
    finally:
        connection.execute("select pg_advisory_unlock(%s)", (_LOCK,))
        connection.execute("reset lock_timeout")
    return applied


def current_version(connection: psycopg.Connection) -> int:
    """The number of the newest applied migration, 0 for an empty database."""
    exists = connection.execute("select to_regclass('schema_migrations') is not null").fetchone()
    if not exists or not exists[0]:
        return 0
    row = connection.execute("select coalesce(max(number), 0) from schema_migrations").fetchone()
    return int(row[0]) if row else 0


def check(connection: psycopg.Connection) -> None:
    """Raises ``SchemaError`` where the database is older than this version needs. A newer one is fine."""
    current, required = current_version(connection), required_version()
    if current < required:
        raise SchemaError(f"the schema is at version {current}, {required} is needed: run `adclicks migrate`")


def _apply(connection: psycopg.Connection, migration: Migration) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    jitter = Random()  # noqa: S311 no secret
    for attempt in count(1):
        try:
            _apply_once(connection, migration)
        except psycopg.errors.LockNotAvailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSES.delay_seconds(attempt, jitter))
        else:
            return


def _apply_once(connection: psycopg.Connection, migration: Migration) -> None:
    with connection.transaction():
        connection.execute(f"set local lock_timeout = '{_TABLE_LOCK_TIMEOUT}'")
        connection.execute(migration.sql.encode())
        connection.execute(
            "insert into schema_migrations (number, name) values (%s, %s)", (migration.number, migration.name)
        )
