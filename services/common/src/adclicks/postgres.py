"""How a connection to PostgreSQL is made."""

import psycopg
from psycopg.conninfo import make_conninfo

from adclicks.settings import PostgresSettings

CONNECT_TIMEOUT_SECONDS = 5


def conninfo(settings: PostgresSettings, application: str) -> str:
    """libpq's connection string. ``application`` shows in ``pg_stat_activity``.

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
        options="-c timezone=UTC",
    )


def connect(settings: PostgresSettings, application: str, *, autocommit: bool = False) -> psycopg.Connection:
    """An open connection. Raises ``psycopg.OperationalError``."""
    return psycopg.connect(conninfo(settings, application), autocommit=autocommit)
