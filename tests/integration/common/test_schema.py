"""A migration lets the version before it go on working, and writers go on writing."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from adclicks import postgres, schema
from adclicks.settings import PostgresSettings, read
from testbed.installation import Installation
from testbed.polling import eventually

# What the version before schema version 5 writes.
_OLD_INSERT = "insert into click_ids (click_id, received_at) values (gen_random_uuid(), '2020-01-01')"
_PLACE = "select pg_relation_filenode('click_ids')"


@pytest.fixture
def settings(installation: Installation) -> PostgresSettings:
    """Of an empty database."""
    name = f"empty_{uuid4().hex}"
    with installation.connect() as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return read(PostgresSettings, {**installation.environment, "DB_NAME": name})


@pytest.fixture
def at_version_4(settings: PostgresSettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """That database as version 4 left it, with an id."""
    all_of_them = schema.migrations()
    with postgres.connect(settings, "test", autocommit=True) as connection:
        with monkeypatch.context() as patch:
            patch.setattr(schema, "migrations", lambda: [item for item in all_of_them if item.number <= 4])
            schema.migrate(connection)
        connection.execute(_OLD_INSERT)
        yield connection


def test_old_ids_are_known_for_a_full_horizon_and_no_row_is_rewritten(at_version_4: psycopg.Connection) -> None:
    """They count as stored now; the table's file is the same; the version before goes on inserting."""
    before = at_version_4.execute(_PLACE).fetchone()
    schema.migrate(at_version_4)
    assert at_version_4.execute(_PLACE).fetchone() == before

    at_version_4.execute(_OLD_INSERT)
    at_version_4.execute("insert into click_ids (click_id) values (gen_random_uuid())")

    stored = [row[0] for row in at_version_4.execute("select stored_at from click_ids").fetchall()]
    assert len(stored) == 3
    assert all(abs((datetime.now(UTC) - at).total_seconds()) < 600 for at in stored)


def test_a_migration_that_waits_for_a_table_does_not_hold_up_its_writers(
    at_version_4: psycopg.Connection, settings: PostgresSettings
) -> None:
    """A long reader keeps the migration waiting; inserts go on, each within seconds; it applies once the reader has ended."""

    def migrate() -> None:
        with postgres.connect(settings, "adclicks-migrate", autocommit=True) as connection:
            schema.migrate(connection)

    def require_waited() -> None:
        waits = at_version_4.execute(
            "select 1 from pg_stat_activity where application_name = 'adclicks-migrate' and wait_event_type = 'Lock'"
        )
        assert waits.fetchone()

    thread = threading.Thread(target=migrate)
    with postgres.connect(settings, "test") as reader:
        reader.execute("select count(*) from click_ids")
        thread.start()
        eventually(require_waited)
        at_version_4.execute("set statement_timeout = '20s'")
        for _ in range(3):
            at_version_4.execute(_OLD_INSERT)
        assert schema.current_version(at_version_4) == 4
    thread.join(60)
    assert schema.current_version(at_version_4) == schema.required_version()
