"""Recognises a pooler that gives a client another session with each transaction (PgBouncer's pool_mode = transaction).

Settings of the session, temporary tables, prepared statements and advisory locks are lost behind it, and each fails in another
way, in the middle of the work. So it is refused at the start, with what to set.
"""

import asyncio

import psycopg
from psycopg import AsyncConnection

from adclicks import postgres
from adclicks.settings import PostgresSettings

# A pooler hands out the session that was returned last; with others busy beside us it may be another one now and then.
_TRIES = 5
_TIMEOUT_SECONDS = 5.0
_APPLICATION = "adclicks-pooler-check"


class TransactionPoolingError(psycopg.OperationalError):
    """The address leads to a pooler that does not keep a session for its client."""

    def __init__(self, settings: PostgresSettings) -> None:
        super().__init__(
            f"DB_HOST {settings.host}, DB_PORT {settings.port} is a pooler that shares sessions among its clients, such as "
            "PgBouncer with pool_mode = transaction or statement. A session of our own is needed: set pool_mode = session "
            "for this database or user, or set DB_HOST and DB_PORT to PostgreSQL itself"
        )


def require_own_session(connection: psycopg.Connection, settings: PostgresSettings) -> None:
    """Raises ``TransactionPoolingError`` where ``connection``, just made with ``settings``, is not a session of its own.

    Costs a query; behind a pooler two connections, and at most 5 s. Must not be called on an event loop's thread.
    """
    row = connection.execute("select pg_backend_pid()").fetchone()
    if _is_pooled(connection.info.backend_pid, row) and asyncio.run(_shares_sessions(settings)):
        raise TransactionPoolingError(settings)


async def require_own_session_async(connection: AsyncConnection, settings: PostgresSettings) -> None:
    """``require_own_session`` on an event loop."""
    row = await (await connection.execute("select pg_backend_pid()")).fetchone()
    if _is_pooled(connection.info.backend_pid, row) and await _shares_sessions(settings):
        raise TransactionPoolingError(settings)


def _is_pooled(told_pid: int, row: tuple[int] | None) -> bool:
    """A pooler makes up the process id that it tells at the start of a connection."""
    return row is not None and row[0] != told_pid


async def _shares_sessions(settings: PostgresSettings) -> bool:
    """Whether two clients that are connected at once get the same session in turn. False where that can't be found out."""
    try:
        async with (
            asyncio.timeout(_TIMEOUT_SECONDS),
            await _connect(settings) as one,
            await _connect(settings) as other,
        ):
            for _ in range(_TRIES):
                before = await _session(one)
                async with other.transaction():
                    held = await _session(other)
                    after = await _session(one)
                if held == before or after != before:
                    return True
    # A pool in session mode that is full lets the second one wait.
    except TimeoutError:
        return False
    # PgBouncer refuses transactions where pool_mode = statement.
    except psycopg.errors.ProtocolViolation:
        return True
    return False


async def _connect(settings: PostgresSettings) -> AsyncConnection:
    connection = await AsyncConnection.connect(
        postgres.conninfo(settings, _APPLICATION), autocommit=True, prepare_threshold=None
    )
    # A pooler that keeps the session of a client that has changed it, as Amazon's RDS Proxy does, will do.
    await connection.execute(postgres.SESSION)
    return connection


async def _session(connection: AsyncConnection) -> int:
    row = await (await connection.execute("select pg_backend_pid()")).fetchone()
    return 0 if row is None else int(row[0])
