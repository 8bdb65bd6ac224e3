"""HTTP as bytes: what is sent is exactly what the test says, and answers are read one by one."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

ANSWER_SECONDS = 30.0


@dataclass(frozen=True)
class RawAnswer:
    """One response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        """What the error envelope holds; asserts that it is one."""
        assert self.headers["content-type"] == "application/json", self
        document = json.loads(self.body)
        assert set(document) == {"errors"}, document
        assert set(document["errors"]) == {"code", "message", "details", "timestamp"}, document
        error: dict[str, Any] = document["errors"]
        return error


class RawConnection:
    """One connection that sends each piece at once."""

    def __init__(self, opened: socket.socket, reader: BinaryIO) -> None:
        self.socket = opened
        self._reader = reader

    def send(self, *pieces: bytes) -> None:
        """Each in a segment of its own. A server that has answered and closed is no error."""
        try:
            for piece in pieces:
                self.socket.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            return

    def answer(self, *, to_head: bool = False) -> RawAnswer:
        """The next one. Raises ``EOFError`` where the connection ends instead."""
        line = self._reader.readline()
        if not line:
            raise EOFError
        headers = {}
        while (field := self._reader.readline()) not in (b"\r\n", b""):
            name, _, value = field.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        size = 0 if to_head or line[9:12] in (b"100", b"204", b"304") else int(headers.get("content-length", "0"))
        return RawAnswer(int(line.split()[1]), headers, self._reader.read(size))

    def statuses(self, count: int) -> list[int]:
        """Those of the next ``count`` answers."""
        return [self.answer().status for _ in range(count)]

    def is_ended(self) -> bool:
        """Whether the server ends the connection without another answer; asserts that there is none."""
        with suppress(ConnectionResetError):
            assert self._reader.read(1) == b""
        return True


@contextmanager
def connect(host: str, port: int) -> Iterator[RawConnection]:
    """For the block. ``TimeoutError`` where an answer takes longer than anybody would wait."""
    with socket.create_connection((host, port), ANSWER_SECONDS) as opened, opened.makefile("rb") as reader:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield RawConnection(opened, reader)
