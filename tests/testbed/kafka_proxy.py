"""A broker behind a proxy that can hold one request back, as a network or a busy broker does."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from localstack.guardian import Guardian
from localstack.java import Java
from localstack.kafka import Kafka
from localstack.ports import HOST, free_port

FIND_COORDINATOR = 10
_HEADER = struct.Struct(">ih")


class Proxy:
    """Listens on ``port`` for the broker on ``broker_port``; ends with ``close``."""

    def __init__(self, broker_port: int) -> None:
        self._broker_port = broker_port
        self._server = socket.create_server((HOST, 0))
        self.port = int(self._server.getsockname()[1])
        self._hold: int | None = None
        self._held: Callable[[], None] | None = None
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def hold_next(self, api_key: int) -> None:
        """The next request of this kind does not reach the broker before ``release``; those behind it do."""
        self._held, self._hold = None, api_key

    @property
    def is_holding(self) -> bool:
        """Whether the request has come."""
        return self._held is not None

    def release(self) -> None:
        """Hands it on."""
        held, self._held = self._held, None
        assert held is not None
        held()

    def close(self) -> None:
        """Cuts all connections."""
        for one in (self._server, *self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                try:
                    broker = socket.create_connection((HOST, self._broker_port))
                except ConnectionError:
                    client.close()
                    continue
                self._sockets += [client, broker]
                threading.Thread(target=self._requests, args=(client, broker), daemon=True).start()
                threading.Thread(target=self._answers, args=(broker, client), daemon=True).start()

    def _requests(self, client: socket.socket, broker: socket.socket) -> None:
        with contextlib.suppress(OSError), client.makefile("rb") as reader:
            while head := reader.read(_HEADER.size):
                length, api_key = _HEADER.unpack(head)
                request = head + reader.read(length + 4 - _HEADER.size)
                if api_key == self._hold:
                    self._hold, self._held = None, partial(broker.sendall, request)
                else:
                    broker.sendall(request)
        self._end(client, broker)

    def _answers(self, broker: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := broker.recv(65536):
                client.sendall(data)
        self._end(client, broker)

    def _end(self, *sockets: socket.socket) -> None:
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class ProxiedKafka(Kafka):
    """Clients are told the proxy's address, so all that they ask passes it."""

    def __init__(self, folder: Path, log: Path, guardian: Guardian, java: Java) -> None:
        super().__init__(folder, free_port(), log, guardian, java)
        self.proxy = Proxy(self.port)

    @property
    def address(self) -> str:
        """For clients."""
        return f"{HOST}:{self.proxy.port}"

    def stop(self) -> None:
        """The proxy as well."""
        super().stop()
        self.proxy.close()

    def _prepare(self) -> None:
        super()._prepare()
        with (self.folder / "server.properties").open("a") as properties:
            # The last of two equal names counts.
            properties.write(f"advertised.listeners=PLAINTEXT://{self.address}\n")
