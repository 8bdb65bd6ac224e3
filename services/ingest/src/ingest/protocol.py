"""uvicorn's HTTP protocol with a fast lane, and the gunicorn worker that uses it."""

import asyncio
import gc
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from adclicks.http.worker import CLOSE_HEADER, Worker
from ingest.fast_lane import LANE, FastLane
from ingest.peer import connection_address

# What a client may send ahead, while its click waits for Kafka, before its connection is not read any further.
_AHEAD_BYTES_MAX = 65_536
_GARBAGE_THRESHOLD = 50_000


class ClickProtocol(HttpToolsProtocol):
    """A connection. A piece of data that is one whole plain click request goes to the fast lane; all else to uvicorn."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lane: FastLane | None = self.app_state.get(LANE)
        self._peer = ""
        self._in_message = False
        self._waiting = False
        self._closing = False
        self._ahead = b""
        self._rendered_from: list[tuple[bytes, bytes]] = []
        self._rendered = b""
        self._idle_since = 0.0
        self._idle_watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn's own
        """A client is there."""
        super().connection_made(transport)
        self._peer = connection_address(self.client)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone; a click that waits is stored all the same."""
        if self._idle_watch is not None:
            self._idle_watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """What the client sent."""
        if self._waiting:
            self._hold(data)
        elif self._lane is None or not self._at_start():
            super().data_received(data)
        else:
            self._waiting = True
            if not self._lane.take(data, self._peer, self._answer):
                self._waiting = False
                super().data_received(data)

    def on_message_begin(self) -> None:
        """uvicorn's parser is inside a request."""
        self._in_message = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """It is not any more."""
        self._in_message = False
        super().on_message_complete()

    def shutdown(self) -> None:
        """The server stops: after the answer that is due the connection is closed."""
        if self._waiting:
            self._closing = True
        else:
            super().shutdown()

    def _at_start(self) -> bool:
        return not self._in_message and (self.cycle is None or self.cycle.response_complete)

    def _hold(self, data: bytes) -> None:
        self._ahead += data
        if len(self._ahead) > _AHEAD_BYTES_MAX:
            self.flow.pause_reading()

    def _answer(self, head: bytes, body: bytes) -> None:
        self._waiting = False
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.transport.write(b"%b%b\r\n%b" % (head, self._default_headers(), body))
        if self._closing:
            self.transport.close()
            return
        self._watch_idle()
        if self._ahead:
            data, self._ahead = self._ahead, b""
            self.flow.resume_reading()
            self.data_received(data)

    def _default_headers(self) -> bytes:
        # The server's headers (Date) are the same for a second: it puts a new list there at each tick.
        headers = self.server_state.default_headers
        if headers is not self._rendered_from:
            self._rendered_from = headers
            self._rendered = b"".join(b"%b: %b\r\n" % header for header in headers)
            self._closing = self._closing or CLOSE_HEADER in headers
        return self._rendered

    def _watch_idle(self) -> None:
        # One timer a connection, which looks at the clock when it fires: one a request would cost more than the answer.
        self._unset_keepalive_if_required()
        self._idle_since = self.loop.time()
        if self._idle_watch is None:
            self._idle_watch = self.loop.call_later(self.timeout_keep_alive, self._close_if_idle)

    def _close_if_idle(self) -> None:
        left_seconds = self._idle_since + self.timeout_keep_alive - self.loop.time()
        busy = self._waiting or not self._at_start()
        if left_seconds <= 0 and not busy:
            self._idle_watch = None
            self.timeout_keep_alive_handler()
        else:
            delay_seconds = max(left_seconds, 1.0)
            self._idle_watch = self.loop.call_later(delay_seconds, self._close_if_idle)


class ClickWorker(Worker):
    """gunicorn's worker class for ingest."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {**Worker.CONFIG_KWARGS, "http": ClickProtocol}

    def init_process(self) -> None:
        """After the fork."""
        # A click leaves no reference cycles behind. At its default the collector would look through every waiting one
        # of them a hundred times a second, and find nothing.
        gc.freeze()
        gc.set_threshold(_GARBAGE_THRESHOLD, 20, 50)
        super().init_process()
