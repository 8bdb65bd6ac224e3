"""gunicorn's worker process: uvicorn on uvloop and httptools, its logs, and its end."""

import asyncio
import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]  # gunicorn has no types
from gunicorn.glogging import Logger as GunicornLogger  # type: ignore[import-untyped]  # gunicorn has no types
from uvicorn_worker import UvicornWorker

from adclicks.http import server
from adclicks.http.protocol import CLOSE_HEADER, HttpProtocol
from adclicks.http.settings import ConnectionSettings

# Of the time to shut down: it is left for what the application does after the last request, such as a flush.
_FLUSH_SECONDS = 8
# How long clients on open connections are answered "Connection: close" before connections are closed under them. A client
# that is busy uses its connection in this time; closed at once, its next request could cross with the end of the connection.
_GOODBYE_SECONDS = 1.0
# How often a worker tells the master that its loop turns. At the default, half of the time after which the master takes it
# for stuck, a machine that stands still for the other half (a paused VM, a disk) costs all workers.
_ALIVE_SECONDS = 1


class Logger(GunicornLogger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's log, handed on to ours."""

    def setup(self, cfg: Any) -> None:
        """Takes gunicorn's own handlers away again."""
        super().setup(cfg)
        self.error_log.handlers = []
        self.error_log.propagate = True
        self.error_log.setLevel(logging.NOTSET)


class Server(server.Server):
    """uvicorn's server, told to end by SIGTERM, SIGINT or SIGQUIT."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn's own way raises the signal once more after a good shutdown, and knows no SIGQUIT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            loop.add_signal_handler(number, self._say_goodbye, number)
        yield

    def _say_goodbye(self, number: int) -> None:
        if not self.server_state.connections or CLOSE_HEADER in self.config.encoded_headers:
            self.handle_exit(number, None)
            return
        # The first for what is answered from now on, the second for when the server makes its headers anew (each second).
        self.server_state.default_headers = [*self.server_state.default_headers, CLOSE_HEADER]
        self.config.encoded_headers.append(CLOSE_HEADER)
        asyncio.get_running_loop().call_later(_GOODBYE_SECONDS, self.handle_exit, number, None)


class Worker(UvicornWorker):  # type: ignore[misc]  # uvicorn_worker has no types
    """One process, one event loop."""

    protocol: ClassVar[type[HttpProtocol]] = HttpProtocol
    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "ws": "none",
        # A database that is away at the start is waited for; what does end a start must end the process.
        "lifespan": "on",
        "access_log": False,
        # Whose X-Forwarded-For is believed is a setting of ours. uvicorn would believe any local caller.
        "proxy_headers": False,
        "server_header": False,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.config.timeout_graceful_shutdown = max(1, self.cfg.graceful_timeout - _FLUSH_SECONDS)
        self.config.timeout_notify = _ALIVE_SECONDS
        log = logging.getLogger("uvicorn.error")
        log.propagate = True
        log.setLevel(logging.WARNING)

    def limit(self, limits: ConnectionSettings) -> None:
        """Sets the limits of its connections. Called after the fork, before anything else."""
        self.config.http = server.protocol(self.protocol, limits)

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        server = Server(config=self.config)
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
