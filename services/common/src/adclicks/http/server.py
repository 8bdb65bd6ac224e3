"""uvicorn's server with the limits of ``HttpProtocol``, whoever runs it."""

import asyncio
import resource
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import uvicorn

from adclicks.http.protocol import HttpProtocol
from adclicks.http.settings import ConnectionSettings

# uvicorn ticks ten times a second.
_TICKS_A_SECOND = 10
# Files that a worker needs beside its connections: its clients', logs, metrics.
_OTHER_FILES = 200


class Server(uvicorn.Server):
    """Looks at every connection once a second. Its configuration's ``http`` is a ``protocol(…)``."""

    async def on_tick(self, counter: int) -> bool:
        """Called by uvicorn."""
        if counter % _TICKS_A_SECOND == 0:
            now = asyncio.get_running_loop().time()
            for connection in tuple(self.server_state.connections):
                if isinstance(connection, HttpProtocol):
                    connection.enforce(now)
        return await super().on_tick(counter)


def protocol(kind: type[HttpProtocol], limits: ConnectionSettings) -> Callable[..., HttpProtocol]:
    """For uvicorn's ``http``. A process that may open fewer files than ``limits`` allows connections takes fewer."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = max(limits.max_connections if files == resource.RLIM_INFINITY else files - _OTHER_FILES, 1)
    return partial(kind, limits=replace(limits, max_connections=min(limits.max_connections, room)))
