"""GET /audit."""

from typing import cast

from psycopg import sql

from adclicks.audit import AUDIT_SQL, Row, audit
from analytics.answers import Request, Response, write
from analytics.database import Database
from analytics.log_ends import LogEnds

_LEDGER = sql.SQL(AUDIT_SQL)


class AuditResource:
    """GET /audit."""

    def __init__(self, database: Database, log_ends: LogEnds) -> None:
        self._database = database
        self._log_ends = log_ends

    async def on_get(self, _request: Request, response: Response) -> None:
        """The ledger of each partition and of all, and whether it adds up."""
        # The ledger first: read the other way round, clicks that are taken in meanwhile would make a negative lag.
        rows = await self._database.report(_row, _LEDGER)
        write(response, audit(rows, await self._log_ends.read()))


def _row(*columns: object) -> Row:
    return cast("Row", columns)
