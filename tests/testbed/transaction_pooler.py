"""A pooler as PgBouncer is with pool_mode = transaction: each transaction of a client goes to whatever session is free.

Just enough of the protocol for that: no TLS, no passwords from clients, no COPY.
"""

import contextlib
import os
import socket
import struct
import threading
from types import TracebackType

import psycopg
from psycopg.conninfo import make_conninfo

from localstack.ports import HOST

_SSL_REQUEST, _GSS_REQUEST = 80877103, 80877104
_JOIN_SECONDS = 10.0
_MADE_UP_PID = 4_242_424
_READY, _TERMINATE, _ENDS = b"Z", b"X", (b"Q", b"S")


class TransactionPooler:
    """Listens on ``port`` of 127.0.0.1; its sessions are with ``database`` of the server at ``server_port``.

    Old versions of PgBouncer refuse ``options`` at the start of a connection; so does this.
    """

    def __init__(self, server_port: int, database: str, user: str, password: str) -> None:
        self._server = make_conninfo(
            host=HOST, port=server_port, dbname=database, user=user, password=password, sslmode="disable"
        )
        self._free: list[socket.socket] = []
        self._sessions: list[psycopg.Connection] = []
        self._taken: list[socket.socket] = []
        self._clients: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> "TransactionPooler":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in (*self._clients, *self._taken):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)
        for taken in self._taken:
            taken.close()
        for session in self._sessions:
            session.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._clients.append(client)
            self._threads.append(threading.Thread(target=self._serve, args=(client,), daemon=True))
            self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                if self._greets(client):
                    self._relay(client)
            except (ConnectionError, struct.error):
                return

    def _greets(self, client: socket.socket) -> bool:
        while True:
            (length,) = struct.unpack("!I", _exactly(client, 4))
            body = _exactly(client, length - 4)
            if struct.unpack("!I", body[:4])[0] not in {_SSL_REQUEST, _GSS_REQUEST}:
                break
            client.sendall(b"N")
        if b"options" in body.split(b"\0"):
            client.sendall(_message(b"E", b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0"))
            return False
        version = _message(b"S", b"server_version\x0018.0\0")
        encoding = _message(b"S", b"client_encoding\0UTF8\0")
        key = _message(b"K", struct.pack("!II", _MADE_UP_PID, 1))
        client.sendall(_message(b"R", struct.pack("!I", 0)) + version + encoding + key + _message(_READY, b"I"))
        return True

    def _relay(self, client: socket.socket) -> None:
        session = None
        while True:
            kind, body = _read(client)
            if kind == _TERMINATE:
                return
            session = session or self._take()
            session.sendall(_message(kind, body))
            if kind not in _ENDS:
                continue
            answer = b""
            while answer != _READY:
                answer, body = _read(session)
                if answer == _READY and body == b"I":
                    # Before the client knows: its next transaction, and anybody else's, takes the one returned last.
                    self._give_back(session)
                    session = None
                    client.sendall(_message(answer, body))
                    break
                client.sendall(_message(answer, body))

    def _take(self) -> socket.socket:
        with self._lock:
            if self._free:
                return self._free.pop()
            session = psycopg.connect(self._server, autocommit=True)
            self._sessions.append(session)
            taken = socket.socket(fileno=os.dup(session.pgconn.socket))
            taken.setblocking(True)
            self._taken.append(taken)
            return taken

    def _give_back(self, session: socket.socket) -> None:
        with self._lock:
            self._free.append(session)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def _read(connection: socket.socket) -> tuple[bytes, bytes]:
    kind = _exactly(connection, 1)
    (length,) = struct.unpack("!I", _exactly(connection, 4))
    return kind, _exactly(connection, length - 4)


def _exactly(connection: socket.socket, many: int) -> bytes:
    found = b""
    while len(found) < many:
        part = connection.recv(many - len(found))
        if not part:
            raise ConnectionResetError
        found += part
    return found
