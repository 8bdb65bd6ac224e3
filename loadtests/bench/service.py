"""A service of ours, or a bare one beside it, as real processes."""

import http.client
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from localstack.child import Program
from localstack.guardian import Guardian, descendants
from localstack.ports import HOST, free_port
from localstack.server import Server

COMMANDS = {
    "ingest": ("gunicorn", "--config", "python:ingest.gunicorn_conf", "ingest.asgi:app"),
    "analytics": ("gunicorn", "--config", "python:analytics.gunicorn_conf", "analytics.asgi:app"),
    "consumer": ("consumer.pool",),
    # The same server and worker as ours, with next to nothing in it.
    "bare": (
        *("gunicorn", "--worker-class", "adclicks.http.worker.Worker", "--no-control-socket"),
        *("--pythonpath", str(Path(__file__).resolve().parents[1]), "bench.bare:app"),
    ),
}
_PROBE_SECONDS = 2
_BYTES_A_MB = 1_000_000


class Service(Server):
    """``prefix``: what the command starts with, such as a pinning to a core."""

    start_timeout_seconds = 90.0

    def __init__(
        self, kind: str, folder: Path, environment: Mapping[str, str], guardian: Guardian, prefix: Sequence[str] = ()
    ) -> None:
        port = free_port()
        super().__init__(kind, folder, port, folder / f"{kind}-{port}.log", guardian)
        self._environment = {**environment, "PORT": str(port), "LISTEN_ADDRESS": HOST}
        self._prefix = tuple(prefix)

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://{HOST}:{self.port}"

    def largest_worker_mb(self) -> float:
        """The memory of its largest worker in MB of 10^6 bytes. Resident, shared pages and all: what counts them by the share
        depends on what else runs on the machine."""
        return (
            max([_memory_bytes(child) for child in descendants(psutil.Process(self.child.pid))], default=0)
            / _BYTES_A_MB
        )

    def _program(self) -> Program:
        bind = ("--bind", f"{HOST}:{self.port}") if self.name == "bare" else ()
        command = (*self._prefix, sys.executable, "-m", *COMMANDS[self.name], *bind)
        return Program(self.name, command, self.log, self.folder, self._environment, stage=1, stop_timeout_seconds=40.0)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=_PROBE_SECONDS)
        try:
            connection.request("GET", "/healthz/ready")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _memory_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
