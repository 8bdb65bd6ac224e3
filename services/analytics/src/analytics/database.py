"""Connections to PostgreSQL: a bounded pool, bounded waits, and errors turned into what the client should do."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

import psycopg
import structlog
from psycopg import AsyncConnection, errors, sql
from psycopg.abc import Params
from psycopg.rows import args_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from adclicks import postgres
from adclicks.errors import Problem, retry_later
from adclicks.schema import required_version
from analytics.settings import AnalyticsSettings

T = TypeVar("T")

# Statements are prepared and planned once a connection: to plan one for each range takes longer than to run it.
# For a table that was empty then, reading all of it is the cheapest plan, and stays it until the next ANALYZE.
_SESSION: Mapping[str, str] = {
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "random_page_cost": "1.1",
    "enable_seqscan": "off",
}
# How many are open even where nobody asks.
_IDLE_CONNECTIONS = 4
# The server ends a query that takes too long; where it can't say so any more, we stop waiting a little later.
_GRACE_SECONDS = 1.0
# A pool that has waited through an outage would double its pauses to minutes; this one asks anew at the next request.
_RECONNECT_SECONDS = 5.0
_CHECK_TIMEOUT_SECONDS = 2.0
_log = structlog.get_logger()


class Database:
    """Queries, each in a transaction of its own. ``open`` it on the event loop that uses it, after the fork.

    All methods raise ``Problem``: 503 while PostgreSQL is away, has no free connection or takes too long.
    """

    _pool: AsyncConnectionPool[AsyncConnection]

    def __init__(self, settings: AnalyticsSettings) -> None:
        self._settings = settings

    async def open(self) -> None:
        """Starts to connect, and does not wait for it: a service that starts before its database is no error."""
        self._pool = AsyncConnectionPool(
            postgres.conninfo(self._settings.postgres, "adclicks-analytics"),
            kwargs={"autocommit": True},
            # A connection is slow at first: it is made, and plans each statement, while a request waits.
            min_size=min(_IDLE_CONNECTIONS, self._settings.pool_connections),
            max_size=self._settings.pool_connections,
            max_waiting=self._settings.queue_requests,
            timeout=self._settings.queue_timeout_seconds,
            reconnect_timeout=_RECONNECT_SECONDS,
            configure=self._configure,
            open=False,
        )
        await self._pool.open()

    async def close(self) -> None:
        """Closes all connections."""
        await self._pool.close()

    async def rows(self, row: Callable[..., T], query: sql.SQL, params: Params | None = None) -> list[T]:
        """All rows of a query, each as ``row(*columns)``. Asked again once where the connection was lost meanwhile."""
        try:
            return await self._rows(row, query, params)
        except _LostError:
            # After a restart of the server all idle connections are dead, not this one alone.
            await self._pool.check()
            return await self._rows(row, query, params)

    async def write(self, row: Callable[..., T], query: sql.SQL, params: Params) -> list[T]:
        """As ``rows``, but not asked again: it may have been done. Raises ``psycopg.IntegrityError`` as well."""
        return await self._rows(row, query, params)

    async def report(self, row: Callable[..., T], query: sql.SQL) -> list[T]:
        """As ``rows``, for a query that reads whole tables."""
        async with self._connection() as connection, connection.transaction():
            await connection.execute("set local enable_seqscan = on")
            return await _fetch(connection, row, query, None)

    async def unready(self) -> str | None:
        """What keeps the database from being used, None when nothing does."""
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT_SECONDS):
                found = await self.rows(int, sql.SQL("select coalesce(max(number), 0)::int from schema_migrations"))
        except (Problem, TimeoutError):
            return "does not answer"
        except errors.UndefinedTable:
            found = [0]
        if found[0] < required_version():
            return f"its schema is at version {found[0]}, {required_version()} is needed: run `adclicks migrate`"
        return None

    async def _rows(self, row: Callable[..., T], query: sql.SQL, params: Params | None) -> list[T]:
        async with self._connection() as connection:
            return await _fetch(connection, row, query, params)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        limit_seconds = self._settings.queue_timeout_seconds + self._settings.query_timeout_seconds + _GRACE_SECONDS
        try:
            async with asyncio.timeout(limit_seconds), self._pool.connection() as connection:
                yield connection
        except (PoolTimeout, TooManyRequests, PoolClosed) as error:
            raise retry_later("The database has no free connection.") from error
        except (TimeoutError, errors.QueryCanceled) as error:
            raise retry_later("The database takes too long.") from error
        except (psycopg.OperationalError, errors.AdminShutdown) as error:
            _log.warning("database connection lost", error=str(error))
            raise _LostError from error

    async def _configure(self, connection: AsyncConnection) -> None:
        timeout_ms = round(self._settings.query_timeout_seconds * 1000)
        session = {**_SESSION, "statement_timeout": f"{timeout_ms}ms"}
        names, values = list(session), list(session.values())
        await connection.execute(
            "select set_config(name, value, false) from unnest(%s::text[], %s::text[]) as setting(name, value)",
            (names, values),
        )


class _LostError(Problem):
    """The connection was lost in the middle of a query."""

    def __init__(self) -> None:
        problem = retry_later("The database does not answer.")
        super().__init__(problem.status, problem.code, problem.message, retry_after_seconds=problem.retry_after_seconds)


async def _fetch(connection: AsyncConnection, row: Callable[..., T], query: sql.SQL, params: Params | None) -> list[T]:
    async with connection.cursor(row_factory=args_row(row)) as cursor:
        await cursor.execute(query, params, prepare=True)
        return await cursor.fetchall()
