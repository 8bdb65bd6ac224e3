"""The connections of ingest: those of ``adclicks.http.protocol`` with a fast lane, and the gunicorn worker that uses it."""

import asyncio
import gc
from typing import Any, ClassVar

from adclicks.http.protocol import ANSWER, BLOCKED, CLOSE_HEADER, IDLE, PART, HttpProtocol
from adclicks.http.worker import Worker
from ingest.fast_lane import INCOMPLETE, LANE, FastLane
from ingest.peer import connection_address

_GARBAGE_THRESHOLD = 50_000


class ClickProtocol(HttpProtocol):
    """A connection. A plain click request goes to the fast lane, in however many pieces it came; all else to uvicorn."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lane: FastLane | None = self.app_state.get(LANE)
        self._peer = ""
        self._closing = False
        self._rendered_from: list[tuple[bytes, bytes]] = []
        self._rendered = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn's own
        """A client is there."""
        super().connection_made(transport)
        self._peer = connection_address(self.client)

    def data_received(self, data: bytes) -> None:
        """What the client sent. Nearly always it is one click, whole: nothing else is called then."""
        if self._lane is None or self._phase > IDLE or self._unread:
            super().data_received(data)
            return
        before, self._phase = self._phase, ANSWER
        size = self._lane.take(data, self._peer, self._answer)
        if size == len(data):
            return
        if size <= 0:
            self._phase = before
        self._advance(data[size:] if size > 0 else data)

    def shutdown(self) -> None:
        """The server stops: after the answer that is due the connection is closed."""
        if self._phase == ANSWER and (self.cycle is None or self.cycle.response_complete):
            self._closing = True
        else:
            super().shutdown()

    def _take_head(self, data: bytes) -> bytes:
        if self._lane is None:
            return super()._take_head(data)
        before, self._phase = self._phase, ANSWER
        size = self._lane.take(data, self._peer, self._answer)
        if size > 0:
            # The head may have come in pieces; of the next one nothing has been searched.
            self._searched_bytes = 0
            return data[size:]
        self._phase = before
        if size != INCOMPLETE:
            return super()._take_head(data)
        self._unread, self._searched_bytes = data, 0
        if before != PART:
            self._phase, self._phase_since = PART, 0.0
        return b""

    def _answer(self, head: bytes, body: bytes) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.transport.write(b"%b%b\r\n%b" % (head, self._default_headers(), body))
        if self._closing:
            self.transport.close()
            return
        self._phase, self._phase_since = BLOCKED if self.flow.write_paused else IDLE, 0.0
        if self._unread:
            self.loop.call_soon(self._go_on)

    def _default_headers(self) -> bytes:
        # The server's headers (Date) are the same for a second: it puts a new list there at each tick.
        headers = self.server_state.default_headers
        if headers is not self._rendered_from:
            self._rendered_from = headers
            self._rendered = b"".join(b"%b: %b\r\n" % header for header in headers)
            self._closing = self._closing or CLOSE_HEADER in headers
        return self._rendered


class ClickWorker(Worker):
    """gunicorn's worker class for ingest."""

    protocol: ClassVar[type[HttpProtocol]] = ClickProtocol

    def init_process(self) -> None:
        """After the fork."""
        # A click leaves no reference cycles behind. At its default the collector would look through every waiting one
        # of them a hundred times a second, and find nothing.
        gc.freeze()
        gc.set_threshold(_GARBAGE_THRESHOLD, 20, 50)
        super().init_process()
