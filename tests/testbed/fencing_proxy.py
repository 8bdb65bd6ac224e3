"""A proxy before a real broker: it can answer like a broker that the controller has just fenced, and starve one process."""

import asyncio
import contextlib
import struct
import threading
from collections.abc import Coroutine
from typing import Any

import psutil

from localstack.ports import HOST
from testbed.kafka_metadata import FETCH, METADATA, without_brokers

_START_SECONDS = 10.0
_HEADER = struct.Struct(">ihhih")


class FencingProxy:
    """Listens on ``port`` and passes all on to ``target_port``; the broker has to advertise ``port``.

    ``fenced``: from now on every Metadata answer is without brokers; ``told`` has the ids of the clients that got one.
    ``starved``: the ids of processes whose Fetch requests are not passed on; everything else of theirs is.
    ``starves_all``: nobody's are.
    """

    def __init__(self, port: int, target_port: int) -> None:
        self._port = port
        self._target_port = target_port
        self._loop = asyncio.new_event_loop()
        self._connections: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.fenced = False
        self.told: set[str] = set()
        self.starved: set[int] = set()
        self.starves_all = False
        self._thread = threading.Thread(target=self._loop.run_forever, name="fencing-proxy", daemon=True)
        self._thread.start()
        self._run(self._start())

    def cut(self) -> None:
        """Ends all connections, as a broker does that wakes from a long standstill."""
        self._loop.call_soon_threadsafe(self._cut)

    def close(self) -> None:
        """Ends the proxy and its connections."""
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_SECONDS)

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, self._port)

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self._cut()
        running = asyncio.all_tasks() - {task for task in [asyncio.current_task()] if task}
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _cut(self) -> None:
        for connection in list(self._connections):
            connection.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection(HOST, self._target_port)
        except OSError:
            self._connections.discard(writer)
            writer.transport.abort()
            return
        exchange = _Exchange(self, writer.get_extra_info("peername")[1])
        both = [
            asyncio.create_task(exchange.requests(reader, far_writer)),
            asyncio.create_task(exchange.answers(far_reader, writer)),
        ]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)
        self._connections.discard(writer)
        for end in (writer, far_writer):
            end.transport.abort()


class _Exchange:
    """One client's connection. An answer names its request by the correlation id alone."""

    def __init__(self, proxy: FencingProxy, peer_port: int) -> None:
        self._proxy = proxy
        self._peer_port = peer_port
        self._pid: int | None = None
        self._metadata: dict[int, tuple[int, str]] = {}

    async def requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                frame = await _frame(reader)
                _size, key, version, correlation, name_size = _HEADER.unpack_from(frame)
                if key == METADATA:
                    name = frame[_HEADER.size : _HEADER.size + max(0, name_size)].decode()
                    self._metadata[correlation] = (version, name)
                if key == FETCH and await self._is_starved():
                    continue
                writer.write(frame)
                await writer.drain()

    async def answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                frame = await _frame(reader)
                (correlation,) = struct.unpack_from(">i", frame, 4)
                asked = self._metadata.pop(correlation, None)
                if asked is not None and self._proxy.fenced:
                    version, client = asked
                    body = without_brokers(frame[4:], version)
                    frame = struct.pack(">i", len(body)) + body
                    self._proxy.told.add(client)
                writer.write(frame)
                await writer.drain()

    async def _is_starved(self) -> bool:
        if self._proxy.starves_all:
            return True
        return bool(self._proxy.starved) and await self._owner() in self._proxy.starved

    async def _owner(self) -> int | None:
        if self._pid is None:
            self._pid = await asyncio.to_thread(_process_at, self._peer_port)
        return self._pid


async def _frame(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(4)
    return head + await reader.readexactly(struct.unpack(">i", head)[0])


def _process_at(port: int) -> int | None:
    """The process that holds the client's end of a connection."""
    return next((item.pid for item in psutil.net_connections("tcp") if item.laddr and item.laddr.port == port), None)
