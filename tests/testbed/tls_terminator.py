"""TLS in front of a server that was built without it, as PostgreSQL and Valkey are in the wheels that the tests use."""

import asyncio
import contextlib
import ssl
from collections.abc import Coroutine
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

from localstack.ports import HOST
from testbed.certificates import Issued

T = TypeVar("T")
_CHUNK_BYTES = 65_536
_PATIENCE_SECONDS = 30.0
# PostgreSQL's protocol: a client asks for TLS before it says anything else (length 8, then 1234 and 5679).
_SSL_REQUEST = bytes.fromhex("00000008 04d2162f")


class TlsTerminator:
    """Listens on ``port`` with a certificate that can be replaced; what it hears goes on to ``target_port`` in plain text."""

    def __init__(self, target_port: int, issued: Issued, folder: Path, *, postgresql: bool = False) -> None:
        self._target_port = target_port
        self._folder = folder
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="tls")
        self._thread.start()
        self._load(issued)
        # PostgreSQL's clients begin in plain text.
        starting = (
            asyncio.start_server(self._upgrade, HOST, 0)
            if postgresql
            else asyncio.start_server(self._relay, HOST, 0, ssl=self._context)
        )
        self._server = self._run(starting)
        self.port = int(self._server.sockets[0].getsockname()[1])

    def present(self, issued: Issued) -> None:
        """Shows another certificate from now on, and ends the connections that saw the one before."""
        self._run(self._replace(issued))

    def close(self) -> None:
        """Ends all connections."""
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_SECONDS)
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_SECONDS)

    def _load(self, issued: Issued) -> None:
        # Handshakes that begin from now on see what was loaded last.
        pem = self._folder / "server.pem"
        pem.write_bytes(issued.both)
        self._context.load_cert_chain(pem)

    async def _replace(self, issued: Issued) -> None:
        self._load(issued)
        self._cut()

    async def _close(self) -> None:
        self._server.close()
        self._cut()
        tasks = asyncio.all_tasks(self._loop) - {asyncio.current_task(self._loop)}
        await asyncio.wait(tasks, timeout=_PATIENCE_SECONDS) if tasks else None

    def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _upgrade(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if await reader.readexactly(len(_SSL_REQUEST)) == _SSL_REQUEST:
                writer.write(b"S")
                await writer.start_tls(self._context)
                await self._relay(reader, writer)
        writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            plain_reader, plain_writer = await asyncio.open_connection(HOST, self._target_port)
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, plain_writer))
                group.create_task(_pump(plain_reader, writer))
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await source.read(_CHUNK_BYTES):
            target.write(chunk)
            await target.drain()
    target.transport.abort() if target.transport.is_closing() else target.close()
