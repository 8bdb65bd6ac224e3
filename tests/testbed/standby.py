"""A streaming standby of the tests' PostgreSQL, at another local address and the same port."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import psycopg

from localstack.child import Program
from localstack.guardian import Guardian
from localstack.ports import HOST
from localstack.postgres import DATABASE, PASSWORD, USER, Postgres

STANDBY_HOST = "127.0.0.2"


class Standby(Postgres):
    """Made from ``primary``, which must run. Its data ends with the test's folder."""

    def __init__(self, primary: Postgres, folder: Path, guardian: Guardian) -> None:
        super().__init__("standby", folder, primary.port, folder / "standby.log", guardian)

    def connect(self, database: str = DATABASE) -> psycopg.Connection:
        """An open connection in autocommit mode. Raises ``psycopg.OperationalError``."""
        return psycopg.connect(
            host=STANDBY_HOST, port=self.port, user=USER, password=PASSWORD, dbname=database, autocommit=True
        )

    def promote(self) -> None:
        """Returns once it takes writes."""
        with self.connect("postgres") as connection:
            assert connection.execute("select pg_promote()").fetchone() == (True,)

    def _initialize(self) -> None:
        account = self._account
        subprocess.run(
            [
                str(self._programs / "bin" / "pg_basebackup"),
                f"--pgdata={self.data}",
                "--write-recovery-conf",
                "--checkpoint=fast",
                f"--dbname=host={HOST} port={self.port} user={USER} password={PASSWORD} application_name=standby",
            ],
            check=True,
            capture_output=True,
            cwd=self.data.parent,
            env={"PATH": os.environ["PATH"]},
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )

    def _program(self) -> Program:
        program = super()._program()
        return replace(program, arguments=(*program.arguments, "-c", f"listen_addresses={STANDBY_HOST}"))
