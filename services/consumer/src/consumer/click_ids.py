"""Old click ids removed: a table of a billion rows, read once in order, in short steps."""

import threading
from datetime import datetime

import psycopg

# 1 MB, some 20,000 ids: long enough to be worth a transaction, short enough that no writer waits for it.
_PAGES_A_STEP = 128


class Interrupted(Exception):
    """The process ends; the rest is left to the next time."""


def forget_ids(connection: psycopg.Connection, stored_before: datetime, stopping: threading.Event) -> int:
    """Removes the click ids stored before ``stored_before``; returns how many.

    It goes by pages, because an index would not help: rows are not in the order of time once space has been used again, and
    a search for the oldest reads the pages of those that it has just removed again and again. Raises ``psycopg.Error``, and
    ``Interrupted`` once ``stopping`` is set.
    """
    row = connection.execute("select pg_relation_size('click_ids') / current_setting('block_size')::bigint").fetchone()
    pages: int = row[0] if row else 0
    removed = 0
    for first in range(0, pages, _PAGES_A_STEP):
        if stopping.is_set():
            raise Interrupted
        removed += connection.execute(
            "delete from click_ids where ctid >= %s::tid and ctid < %s::tid and stored_at < %s",
            (f"({first},0)", f"({first + _PAGES_A_STEP},0)", stored_before),
        ).rowcount
    return removed
