"""Connections to PostgreSQL: a bounded pool, bounded waits, and errors turned into what the client should do."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
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
from adclicks.pooling import TransactionPoolingError, require_own_session_async
from adclicks.schema import required_version
from analytics.settings import AnalyticsSettings

T = TypeVar("T")

# Statements are prepared and planned once a connection: to plan one for each range takes longer than to run it.
# For a table that was empty then, reading all of it is the cheapest plan, and stays it until the next ANALYZE.
_SESSION: Mapping[str, str] = {
    "timezone": "UTC",
    "datestyle": "ISO",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "random_page_cost": "1.1",
    "enable_seqscan": "off",
}
# How many are open even where nobody asks.
_IDLE_CONNECTIONS = 4
# The server ends a query that takes too long; where it can't say so any more, we stop waiting a little later.
_GRACE_SECONDS = 1.0
# A server that shuts down in order waits for its sessions, and refuses new ones: a pool that keeps its own for an hour
# keeps it waiting. Each new one has to plan its statements, so they are not replaced often either.
_LIFETIME_SECONDS = 600.0
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
        self._left_at = 0.0
        self._refusal: str | None = None

    async def open(self) -> None:
        """Starts to connect, and does not wait for it: a service that starts before its database is no error."""
        self._pool = AsyncConnectionPool(
            # Answers must not be behind what was said before, as a standby's may be.
            postgres.conninfo(self._settings.postgres, "adclicks-analytics", "primary"),
            kwargs={"autocommit": True},
            # A connection is slow at first: it is made, and plans each statement, while a request waits.
            min_size=min(_IDLE_CONNECTIONS, self._settings.pool_connections),
            max_size=self._settings.pool_connections,
            max_waiting=self._settings.queue_requests,
            timeout=self._settings.queue_timeout_seconds,
            max_lifetime=_LIFETIME_SECONDS,
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
        return await _twice(lambda: self._rows(row, query, params), _LostError)

    async def report(self, row: Callable[..., T], query: sql.SQL) -> list[T]:
        """As ``rows``, for a query that reads whole tables."""
        return await _twice(lambda: self._report(row, query), _LostError)

    async def write(self, row: Callable[..., T], query: sql.SQL, params: Params) -> list[T]:
        """As ``rows``, but asked again only where it can't have been done. Raises ``psycopg.IntegrityError`` as well."""
        return await _twice(lambda: self._write(row, query, params), _NotDoneError)

    @asynccontextmanager
    async def snapshot(self, limit_seconds: float) -> AsyncIterator[AsyncConnection]:
        """A connection whose queries all see one moment, and may read whole tables for ``limit_seconds``."""
        limit_ms = round(limit_seconds * 1000)
        async with self._connection(limit_seconds) as connection, connection.transaction():
            await connection.execute("set transaction isolation level repeatable read, read only")
            await connection.execute("select set_config('statement_timeout', %s, true)", (f"{limit_ms}ms",))
            # What comes through a cursor is read to its end, so a plan that is quick for the first rows is the wrong one.
            await connection.execute("set local enable_seqscan = on; set local cursor_tuple_fraction = 1.0")
            yield connection

    async def unready(self) -> str | None:
        """What keeps the database from being used, None when nothing does."""
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT_SECONDS):
                found = await self.rows(int, sql.SQL("select coalesce(max(number), 0)::int from schema_migrations"))
        except (Problem, TimeoutError):
            return self._refusal or "does not answer"
        except errors.UndefinedTable:
            found = [0]
        if found[0] < required_version():
            return f"its schema is at version {found[0]}, {required_version()} is needed: run `adclicks migrate`"
        return None

    async def _rows(self, row: Callable[..., T], query: sql.SQL, params: Params | None) -> list[T]:
        async with self._connection() as connection:
            return await _fetch(connection, row, query, params)

    async def _report(self, row: Callable[..., T], query: sql.SQL) -> list[T]:
        async with self._connection() as connection, connection.transaction():
            await connection.execute("set local enable_seqscan = on")
            return await _fetch(connection, row, query, None)

    async def _write(self, row: Callable[..., T], query: sql.SQL, params: Params) -> list[T]:
        async with self._connection() as connection:
            try:
                # One that died while it was idle is noticed here, where nothing has been asked of it yet.
                await AsyncConnectionPool.check_connection(connection)
            except psycopg.OperationalError as error:
                raise _NotDoneError from error
            try:
                return await _fetch(connection, row, query, params)
            except errors.ReadOnlySqlTransaction as error:
                # The server was demoted, and keeps its sessions. Another one may be the primary now.
                await connection.close()
                raise _NotDoneError from error

    @asynccontextmanager
    async def _connection(self, query_seconds: float | None = None) -> AsyncIterator[AsyncConnection]:
        query_seconds = query_seconds or self._settings.query_timeout_seconds
        limit_seconds = self._settings.queue_timeout_seconds + query_seconds + _GRACE_SECONDS
        since = time.monotonic()
        try:
            async with asyncio.timeout(limit_seconds), self._pool.connection() as connection:
                yield connection
        except (PoolTimeout, TooManyRequests, PoolClosed) as error:
            raise retry_later("The database has no free connection.") from error
        except (TimeoutError, errors.QueryCanceled) as error:
            raise retry_later("The database takes too long.") from error
        except (psycopg.OperationalError, errors.AdminShutdown) as error:
            _log.warning("database connection lost", error=postgres.first_line(error))
            await self._leave(since)
            raise _LostError from error
        except _NotDoneError as error:
            _log.warning("database takes no writes", error=postgres.first_line(error.__cause__ or error))
            await self._leave(since)
            raise

    async def _leave(self, since: float) -> None:
        """Replaces all connections that were there at ``since``: after a restart or a failover not one alone is of no use."""
        if self._left_at < since:
            self._left_at = time.monotonic()
            await self._pool.drain()

    async def _configure(self, connection: AsyncConnection) -> None:
        try:
            await require_own_session_async(connection, self._settings.postgres)
        except TransactionPoolingError as error:
            # The pool tells its users only that it has no connection.
            self._refusal = str(error)
            raise
        self._refusal = None
        timeout_ms = round(self._settings.query_timeout_seconds * 1000)
        session = {**_SESSION, "statement_timeout": f"{timeout_ms}ms"}
        names, values = list(session), list(session.values())
        await connection.execute(
            "select set_config(name, value, false) from unnest(%s::text[], %s::text[]) as setting(name, value)",
            (names, values),
        )


class _LostError(Problem):
    """The connection was lost in the middle of a query."""

    def __init__(self, message: str = "The database does not answer.") -> None:
        problem = retry_later(message)
        super().__init__(problem.status, problem.code, problem.message, retry_after_seconds=problem.retry_after_seconds)


class _NotDoneError(_LostError):
    """The connection is lost or read-only, and what was to be written has not been."""

    def __init__(self) -> None:
        super().__init__("The database takes no writes at present.")


async def _twice(step: Callable[[], Awaitable[T]], failure: type[_LostError]) -> T:
    """``step``, and once more after ``failure``."""
    try:
        return await step()
    except failure:
        return await step()


async def _fetch(connection: AsyncConnection, row: Callable[..., T], query: sql.SQL, params: Params | None) -> list[T]:
    async with connection.cursor(row_factory=args_row(row)) as cursor:
        await cursor.execute(query, params, prepare=True)
        return await cursor.fetchall()
