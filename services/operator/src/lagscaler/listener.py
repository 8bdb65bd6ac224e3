"""A TLS port whose certificate changes while it serves."""

from __future__ import annotations

import asyncio
import socket
import ssl

from aiohttp import web

# The API server's connections are few and long; more than this waiting is somebody else.
BACKLOG = 128
SHUTDOWN_SECONDS = 5.0
# A connection without a request, half a head among it, ends after this long; aiohttp's own limit is an hour. Longer than Go's
# clients (the API server, Prometheus) keep idle ones, which is 90 s.
KEEP_ALIVE_SECONDS = 180.0


def bind(address: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, port))
    made.listen(BACKLOG)
    made.setblocking(False)
    return made


def runner(app: web.Application, keep_alive_seconds: float = KEEP_ALIVE_SECONDS) -> web.AppRunner:
    """Serves ``app`` with our limits."""
    app.on_response_prepare.append(_end_after_offer)
    return web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS, keepalive_timeout=keep_alive_seconds)


async def _end_after_offer(request: web.Request, response: web.StreamResponse) -> None:
    # aiohttp takes what follows an offer of WebSocket for that, although nobody accepts it: the next request on the connection
    # would wait for nothing.
    if "Upgrade" in request.headers:
        response.force_close()
        response.headers["Connection"] = "close"


class TlsListener:
    """Accepts only after the first `use`: before there is a certificate, callers wait in the socket's queue."""

    def __init__(
        self, app: web.Application, listening: socket.socket, keep_alive_seconds: float = KEEP_ALIVE_SECONDS
    ) -> None:
        self._socket = listening
        self._runner = runner(app, keep_alive_seconds)
        self._site: web.SockSite | None = None
        # The copy of the socket that the present server accepts on.
        self._accepting: socket.socket | None = None

    @property
    def is_serving(self) -> bool:
        return self._site is not None

    async def use(self, context: ssl.SSLContext) -> None:
        """New connections are served with `context` from now on; those that are open go on as they are.

        A second server takes over a copy of the same socket before the first lets go: nobody is refused in between.
        """
        if self._site is None:
            await self._runner.setup()
        before, accepting = self._site, self._accepting
        self._accepting = self._socket.dup()
        self._site = web.SockSite(self._runner, self._accepting, ssl_context=context, backlog=BACKLOG)
        await self._site.start()
        if before is not None and accepting is not None:
            # A connection that was accepted as the server is closed would be forgotten, and its caller would wait for nothing:
            # accept no more, then let those that are accepted reach the server.
            asyncio.get_running_loop().remove_reader(accepting)
            await asyncio.sleep(0)
            await before.stop()

    async def close(self) -> None:
        """Ends: no new connections, a few seconds for requests under way."""
        if self._site is not None:
            await self._runner.cleanup()
        self._socket.close()
