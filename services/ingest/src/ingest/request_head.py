"""What the head of a request says of the fast lane. Heads repeat from request to request, so most are read once. Pure."""

from dataclasses import dataclass

import httptools

from adclicks.errors import Problem
from adclicks.http.framing import read_head

# Of a client that puts something new into each head there is nothing to gain; of all others a few heads are enough.
_KNOWN_MAX = 1_024
_HEAD_BYTES_MAX = 4_096
_PREFIX = b"POST /ads/click HTTP/1.1\r\n"
# Whatever else means something to how a request is read or answered goes the long way.
_ELSEWHERE = frozenset({b"transfer-encoding", b"content-encoding", b"expect", b"te", b"trailer"})
# What Connection may say and change nothing: HTTP/1.1 keeps connections anyway, and offers to upgrade are ignored.
_NOTHING_NEW = frozenset({b"keep-alive", b"upgrade", b"http2-settings"})
_SEEN_MAX_HEADERS = 64


@dataclass(frozen=True)
class Head:
    """A head that the fast lane understands. ``forwarded_for``: the values of X-Forwarded-For, in order."""

    content_length: int
    forwarded_for: tuple[str, ...]
    request_id: str | None


class _Collector:
    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))


class HeadReader:
    """Reads heads, and remembers those that are likely to come again."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head | None] = {}

    def read(self, data: bytes) -> tuple[Head, int] | None:
        """The head at the start of ``data`` and where the body begins; None where the request has to go the long way."""
        if not data.startswith(_PREFIX):
            return None
        end = data.find(b"\r\n\r\n", len(_PREFIX) - 2, _HEAD_BYTES_MAX)
        if end < 0:
            return None
        raw = data[: end + 4]
        try:
            head = self._known[raw]
        except KeyError:
            head = _parse(raw)
            self._remember(raw, head)
        return None if head is None else (head, end + 4)

    def _remember(self, raw: bytes, head: Head | None) -> None:
        if head is not None and (head.forwarded_for or head.request_id):
            return
        if len(self._known) >= _KNOWN_MAX:
            self._known.clear()
        self._known[raw] = head


def _parse(raw: bytes) -> Head | None:
    collector = _Collector()
    parser = httptools.HttpRequestParser(collector)
    try:
        parser.feed_data(read_head(raw).raw)
    except (Problem, httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    names = [name for name, _ in collector.headers]
    options = [value for name, value in collector.headers if name == b"connection"]
    if not all(option.strip().lower() in _NOTHING_NEW for value in options for option in value.split(b",")):
        return None
    if not _ELSEWHERE.isdisjoint(names) or len(names) > _SEEN_MAX_HEADERS or not parser.should_keep_alive():
        return None
    by_name = dict(collector.headers)
    lengths = [value for name, value in collector.headers if name == b"content-length"]
    media_type = by_name.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if media_type != b"application/json" or len(lengths) != 1 or not lengths[0].isdigit():
        return None
    forwarded = tuple(value.decode("latin-1") for name, value in collector.headers if name == b"x-forwarded-for")
    request_id = by_name.get(b"x-request-id")
    return Head(int(lengths[0]), forwarded, None if request_id is None else request_id.decode("latin-1"))
