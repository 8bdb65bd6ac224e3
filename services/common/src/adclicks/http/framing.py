"""Where a request's head and body end in a stream of bytes, and which heads are refused. Pure.

The rules are RFC 9112's without its tolerances: a head that two programs could read in two ways is refused. The parser
behind (llhttp) reads the same bytes again; where it ends a message elsewhere the connection is closed.
"""

import re
from dataclasses import dataclass

from adclicks.errors import FieldError, Problem

HEAD_BYTES_MAX = 64 * 1024
FIELDS_MAX = 200
REQUEST_LINE_BYTES_MAX = 16 * 1024
# Chunk extensions and trailers mean nothing here; whoever sends long ones wants memory or time.
CHUNK_LINE_BYTES_MAX = 256
TRAILER_BYTES_MAX = 8 * 1024

_END = b"\r\n\r\n"
_REQUEST_LINE = re.compile(rb"([A-Z][A-Z-]{0,31}) (/[!-~]*|https?://[!-~]+|\*|[A-Za-z0-9.:\[\]-]+) HTTP/1\.([01])\r\n")
_FIELD = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++:[^\x00-\x08\x0a-\x1f\x7f]*+\r\n"
_FIELDS = re.compile(rb"(?:%b)*+\r\n" % _FIELD)
_ONE_FIELD = re.compile(_FIELD)
_CONTROL = bytes([*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F])
_UPGRADE = re.compile(rb"\r\nupgrade:[^\r]*", re.IGNORECASE)
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:([^\r]*)")
_TRANSFER_ENCODING = re.compile(rb"\r\ntransfer-encoding:([^\r]*)")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n")


@dataclass(frozen=True)
class Head:
    """A head in order: ``raw`` for the parser, without any offer to upgrade; what follows it.

    ``body_bytes``: the body's declared length; ``is_chunked``: its length shows as it comes.
    """

    raw: bytes
    body_bytes: int
    is_chunked: bool

    @property
    def has_body(self) -> bool:
        """Whether anything follows."""
        return self.is_chunked or self.body_bytes > 0


def malformed(reason: str) -> Problem:
    """400 for bytes that are no request; ``reason`` completes "request: …"."""
    return Problem(400, "BAD_REQUEST", "This is not a valid HTTP request.", (FieldError("request", reason),))


def find_end(data: bytes, searched: int = 0) -> int:
    """Where the body begins of a request whose head starts with ``data``; 0 as long as the head is not complete.

    ``searched``: how much of ``data`` was looked at before, in vain. Raises ``Problem``: 414 or 431 for one that is too
    long, 400 where what came can't become a head.
    """
    begin = max(0, searched - len(_END) + 1)
    end = data.find(_END, begin, HEAD_BYTES_MAX)
    if end >= 0:
        return end + len(_END)
    if len(data) > REQUEST_LINE_BYTES_MAX and data.find(b"\r\n", 0, REQUEST_LINE_BYTES_MAX) < 0:
        raise _line_too_long()
    if len(data) >= HEAD_BYTES_MAX:
        raise _too_large()
    fresh = data[begin:]
    # What is no HTTP at all (TLS to this port, lines that end without CR) never has the end that is waited for.
    if len(fresh.translate(None, _CONTROL)) != len(fresh) or fresh.count(b"\n") != fresh.count(b"\r\n") + (
        fresh.startswith(b"\n") and begin > 0
    ):
        raise malformed("has control characters, or lines that do not end with CR LF")
    return 0


def read_head(raw: bytes) -> Head:
    """``raw``: from the request line to the blank line. Raises ``Problem``: 400, 405, 414, 431 or 501."""
    line = _REQUEST_LINE.match(raw)
    if line is None:
        raise _bad_request_line(raw)
    if line.end() > REQUEST_LINE_BYTES_MAX:
        raise _line_too_long()
    if raw.count(b"\r\n") - 2 > FIELDS_MAX:
        raise _too_large()
    if _FIELDS.fullmatch(raw, line.end()) is None:
        raise malformed(_bad_field(raw, line.end()))
    _check_target(line[1], line[2])
    lower = raw.lower()
    hosts = lower.count(b"\r\nhost:")
    if hosts > 1 or (hosts == 0 and line[3] == b"1"):
        raise malformed("must have one Host field")
    body_bytes, is_chunked = _body(lower, line[3])
    if b"\r\nupgrade:" in lower:
        # RFC 9110, 7.8: an offer may be ignored. The parser would take what follows such a head for another protocol.
        raw = _UPGRADE.sub(b"", raw)
    return Head(raw, body_bytes, is_chunked)


def _body(lower: bytes, minor_version: bytes) -> tuple[int, bool]:
    lengths = _CONTENT_LENGTH.findall(lower) if b"\r\ncontent-length:" in lower else []
    if b"\r\ntransfer-encoding:" in lower:
        _check_encodings(_TRANSFER_ENCODING.findall(lower), minor_version)
        if lengths:
            raise malformed("has both Content-Length and Transfer-Encoding")
        return 0, True
    if not lengths:
        return 0, False
    if len(lengths) > 1 or not re.fullmatch(rb"[ \t]*[0-9]{1,18}[ \t]*", lengths[0]):
        raise malformed("must have one Content-Length of digits alone")
    return int(lengths[0]), False


def _check_encodings(values: list[bytes], minor_version: bytes) -> None:
    if minor_version == b"0":
        raise malformed("is HTTP/1.0, which has no Transfer-Encoding")
    codings = [coding.strip() for value in values for coding in value.split(b",")]
    if codings == [b"chunked"]:
        return
    if codings[-1] == b"chunked" and codings.count(b"chunked") == 1:
        raise Problem(501, "NOT_IMPLEMENTED", "The only Transfer-Encoding here is chunked.")
    raise malformed("must have chunked as its last Transfer-Encoding, and once")


def _check_target(method: bytes, target: bytes) -> None:
    if method == b"CONNECT":
        raise Problem(405, "METHOD_NOT_ALLOWED", "This is no proxy.", headers={"Allow": "GET, HEAD, POST, PUT"})
    if not target.startswith((b"/", b"http")) and (target, method) != (b"*", b"OPTIONS"):
        raise malformed("has a target that is neither a path nor a URL")


def _bad_request_line(raw: bytes) -> Problem:
    if raw.find(b"\r\n", 0, REQUEST_LINE_BYTES_MAX) < 0:
        return _line_too_long()
    return malformed("must begin with a line such as GET /path HTTP/1.1")


def _bad_field(raw: bytes, begin: int) -> str:
    # For people: which of the lines it is. What stands in it is not repeated: it may be a password.
    number = 1
    while (field := _ONE_FIELD.match(raw, begin)) is not None:
        begin = field.end()
        number += 1
    return f"field {number} is not of the form Name: value"


def _line_too_long() -> Problem:
    return Problem(414, "URI_TOO_LONG", f"The request line is longer than {REQUEST_LINE_BYTES_MAX} bytes.")


def _too_large() -> Problem:
    message = f"The head is larger than {HEAD_BYTES_MAX} bytes, or has more than {FIELDS_MAX} fields."
    return Problem(431, "REQUEST_HEADER_FIELDS_TOO_LARGE", message)


class Body:
    """Finds the end of one body."""

    def __init__(self, head: Head) -> None:
        # Of the body, or of the chunk under way with the line end behind it.
        self._left_bytes = head.body_bytes
        self._is_chunked = head.is_chunked
        self._line = b""
        self._trailer_bytes = -1
        self.complete = not head.has_body

    def take(self, data: bytes) -> int:
        """How many bytes of ``data`` belong to it. Raises ``Problem`` (400) for chunks that are none."""
        at = 0
        while at < len(data) and not self.complete:
            if self._left_bytes:
                step = min(self._left_bytes, len(data) - at)
                self._left_bytes -= step
                at += step
                self.complete = not self._is_chunked and self._left_bytes == 0
            else:
                at = self._read_line(data, at)
        return at

    def _read_line(self, data: bytes, at: int) -> int:
        end = data.find(b"\n", at, at + TRAILER_BYTES_MAX) + 1
        self._line += data[at : end or at + TRAILER_BYTES_MAX]
        limit = CHUNK_LINE_BYTES_MAX if self._trailer_bytes < 0 else TRAILER_BYTES_MAX - self._trailer_bytes
        if len(self._line) > limit:
            raise malformed("has a chunk whose first line, or trailers, are too long")
        if not end:
            return len(data)
        line, self._line = self._line, b""
        if self._trailer_bytes < 0:
            self._start_chunk(line)
        else:
            self._end_trailer(line)
        return end

    def _start_chunk(self, line: bytes) -> None:
        match = _CHUNK_LINE.fullmatch(line)
        if match is None:
            raise malformed("has a chunk without a valid size")
        size_bytes = int(match[1], 16)
        if size_bytes:
            self._left_bytes = size_bytes + 2
        else:
            self._trailer_bytes = 0

    def _end_trailer(self, line: bytes) -> None:
        self._trailer_bytes += len(line)
        if line == b"\r\n":
            self.complete = True
        elif _ONE_FIELD.fullmatch(line) is None:
            raise malformed("has a trailer that is not of the form Name: value")
