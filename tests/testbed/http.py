"""A plain HTTP client: answers as they are, connections kept open, nothing retried."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from typing import Any
from urllib.parse import urlsplit

ANSWER_SECONDS = 60.0
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """What the error envelope holds; asserts that it is one."""
        document = self.json
        assert set(document) == {"errors"}, document
        error: dict[str, Any] = document["errors"]
        assert set(error) == {"code", "message", "details", "timestamp"}, error
        return error

    @property
    def invalid_fields(self) -> list[str]:
        """The fields that the error envelope names."""
        return [detail["field"] for detail in self.error["details"]]


class Client:
    """One connection. Raises ``OSError`` or ``HTTPException`` where there is no answer; the next call connects anew."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_SECONDS)

    def call(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] = JSON,
    ) -> Answer:
        """One request; a body that is an iterator goes out in chunks, without a declared length."""
        try:
            self._connection.request(method, path, body, dict(headers), encode_chunked=isinstance(body, Iterator))
            response = self._connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        except BaseException:
            self._connection.close()
            raise

    def get(self, path: str) -> Answer:
        """GET."""
        return self.call("GET", path, headers={})

    def post(self, path: str, body: bytes, headers: Mapping[str, str] = JSON) -> Answer:
        """POST; JSON unless ``headers`` say otherwise."""
        return self.call("POST", path, body, headers)

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()


@contextmanager
def client(url: str) -> Iterator[Client]:
    """A client for the block."""
    opened = Client(url)
    try:
        yield opened
    finally:
        opened.close()


def get(url: str, path: str) -> Answer:
    """One GET over a connection of its own."""
    with client(url) as opened:
        return opened.get(path)
