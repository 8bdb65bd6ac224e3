"""How a connection to PostgreSQL is made, and when it has to be left."""

from typing import Literal

import psycopg
from psycopg import errors
from psycopg.conninfo import make_conninfo

from adclicks.settings import PostgresSettings

CONNECT_TIMEOUT_SECONDS = 5
# Which server will do, libpq's target_session_attrs. Of several in DB_HOST the first one that will is taken.
Target = Literal["any", "primary", "read-write"]
# Set by a statement and not by libpq's `options`: PgBouncer refuses a connection with them. The dates in the catalog's text,
# and the driver, need DateStyle.
SESSION = "set time zone 'UTC'; set datestyle = 'ISO'"


def conninfo(settings: PostgresSettings, application: str, target: Target = "any") -> str:
    """libpq's connection string. ``application`` shows in ``pg_stat_activity``. On what it opens execute ``SESSION``.

    The keepalives and the user timeout end a connection whose peer is gone within about 20 s; without them a write to a
    vanished host would wait for a quarter of an hour.
    """
    return make_conninfo(
        host=settings.host,
        port=settings.port,
        user=settings.user,
        password=settings.password,
        dbname=settings.name,
        sslmode=settings.ssl,
        sslrootcert=settings.root_cert,
        application_name=application,
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        keepalives_idle=10,
        keepalives_interval=3,
        keepalives_count=3,
        tcp_user_timeout=20_000,
        # On a database in SQL_ASCII text would come back as bytes.
        client_encoding="utf8",
        target_session_attrs=target,
    )


def connect(
    settings: PostgresSettings, application: str, *, autocommit: bool = False, target: Target = "any"
) -> psycopg.Connection:
    """An open connection. Raises ``psycopg.OperationalError``, also where no server is what ``target`` asks for."""
    connection = psycopg.connect(conninfo(settings, application, target), autocommit=True)
    try:
        connection.execute(SESSION)
        connection.autocommit = autocommit
    except psycopg.Error:
        connection.close()
        raise
    return connection


def must_be_left(connection: psycopg.Connection, error: Exception) -> bool:
    """Whether a new connection is needed after ``error``: this one is lost, or its server takes no writes any more.

    Sessions with a server that was demoted or made read-only may stay open for ever; a new one may reach the primary.
    """
    return connection.closed or isinstance(error, errors.ReadOnlySqlTransaction)


def first_line(error: BaseException) -> str:
    """What an error says, for a log."""
    text = str(error).splitlines()
    return text[0] if text else repr(error)
