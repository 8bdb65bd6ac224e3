"""Answers a plain ``POST /ads/click`` without a task, an ASGI scope or a framework: nearly all of ingest's requests.

The lane decides what such a request is answered; ``protocol`` reads and writes the bytes. Everything that is not plain
takes the long way through Falcon, to the same ``Door``.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from time import perf_counter
from uuid import uuid4

from adclicks.errors import Problem
from adclicks.http.metrics import RequestMetrics
from adclicks.http.request_id import HEADER, is_sane
from ingest.clicks import CLICK_BYTES_MAX, RECEIVED
from ingest.door import Door
from ingest.peer import client_address
from ingest.request_head import HeadReader
from ingest.settings import Networks

# ``take``'s answer to the beginning of a plain click.
INCOMPLETE = -1
# The key in ASGI's lifespan state under which the server's protocol finds the lane.
LANE = "adclicks.fast_lane"
_ROUTE = "/ads/click"
_REASONS = {400: b"Bad Request", 503: b"Service Unavailable"}
_ACCEPTED = b"HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: %d\r\n" % len(RECEIVED)
_ID_HEADER = HEADER.lower().encode() + b": "

# Called with a response's head, without the blank line at its end (the protocol adds Date), and its body.
Answer = Callable[[bytes, bytes], None]


class FastLane:
    """One a process. ``take`` is called by the protocol wherever a request may begin."""

    def __init__(self, door: Door, trusted: Networks, metrics: RequestMetrics) -> None:
        self._door = door
        self._trusted = trusted
        self._metrics = metrics
        self._heads = HeadReader()
        # A process's ids: its own random part and a number. As unique as a random one each, at a tenth of the cost.
        self._id_prefix = uuid4().hex[:24]
        self._numbers = count()

    def take(self, data: bytes, peer: str, answer: Answer) -> int:
        """How many bytes at the start of ``data`` are one plain request; 0 where it is another one, ``INCOMPLETE`` where the
        rest of its body is not here yet. If they are, ``answer`` is called with the response, now or later.
        """
        read = self._heads.read(data)
        if read is None:
            return 0
        head, begin = read
        if head.content_length > CLICK_BYTES_MAX:
            return 0
        end = begin + head.content_length
        if end > len(data):
            return INCOMPLETE
        started = perf_counter()
        request_id = head.request_id
        if request_id is None or not is_sane(request_id):
            request_id = f"{self._id_prefix}{next(self._numbers):08x}"
        if self._trusted and head.forwarded_for:
            peer = client_address(peer, head.forwarded_for, self._trusted)

        def done(problem: Problem | None) -> None:
            status = 202 if problem is None else problem.status
            self._metrics.observe(_ROUTE, "POST", status, perf_counter() - started)
            answer(*_response(problem, request_id))

        try:
            self._door.take(data[begin:end], peer, done)
        except Problem as problem:
            done(problem)
        return end


def _response(problem: Problem | None, request_id: str) -> tuple[bytes, bytes]:
    if problem is None:
        return b"%b%b%b\r\n" % (_ACCEPTED, _ID_HEADER, request_id.encode()), RECEIVED
    body = problem.envelope(datetime.now(UTC))
    lines = [
        b"HTTP/1.1 %d %b" % (problem.status, _REASONS[problem.status]),
        b"content-type: application/json",
        b"content-length: %d" % len(body),
        _ID_HEADER + request_id.encode(),
    ]
    if problem.retry_after_seconds is not None:
        lines.append(b"retry-after: %d" % problem.retry_after_seconds)
    return b"\r\n".join([*lines, b""]), body
