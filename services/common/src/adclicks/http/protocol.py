"""uvicorn's HTTP protocol with bounds: on heads, on time, on connections; and without upgrades.

Its parser (llhttp) takes all that follows an offer to upgrade for another protocol, also where nobody accepts the offer
(uvicorn issue 2722). So each head is collected and checked here (``framing``) before the parser sees it, and the parser
gets one message at a time: what comes behind waits until the answer is complete.
"""

import asyncio
from datetime import UTC, datetime
from heapq import nsmallest
from math import inf
from operator import attrgetter
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from adclicks.errors import Problem
from adclicks.http.framing import Body, find_end, malformed, read_head
from adclicks.http.settings import ConnectionSettings

CLOSE_HEADER = (b"connection", b"close")
# What a client may send ahead, while its request is answered, before its connection is not read any further.
_AHEAD_BYTES_MAX = 65_536
# How long a client that was refused may go on sending: closed at once, the refusal would be lost with the connection.
_LINGER_SECONDS = 3.0

# At the limit of connections this many of the longest idle ones are closed at once: looking for one each time would cost more.
_ROOM_CONNECTIONS = 64

# The phases of a connection, in the order of a request. PART: a head is here whole and its body is collected as well, before
# either is parsed. BLOCKED: the client does not read its answers. Up to PART a head is due; from ANSWER on nothing is parsed.
NEW, IDLE, HEAD, PART, BODY, ANSWER, BLOCKED, REFUSED = range(8)


class HttpProtocol(HttpToolsProtocol):
    """A connection. ``limits``: how long each phase of it may take."""

    def __init__(self, *args: Any, limits: ConnectionSettings, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Nothing is fed behind a message that closes the connection.
        self.parser.set_dangerous_leniencies(lenient_data_after_close=False)
        self._max_connections = limits.max_connections
        self._send_seconds = limits.send_seconds
        self._timeouts_seconds = (
            *(limits.head_seconds, limits.keep_alive_seconds, limits.head_seconds, limits.body_seconds),
            *(limits.body_seconds, inf, inf, _LINGER_SECONDS),
        )
        self._phase = NEW
        # When the phase was first seen by ``enforce``, seconds of the loop's clock; 0: not seen yet. Set there, since
        # reading the clock at each request would cost more than to look at all connections once a second.
        self._phase_since = 0.0
        self._unsent_bytes = 0
        self._unsent_since = 0.0
        self._body: Body | None = None
        # Bytes that the parser has not seen: a part of a head, or what came before its turn.
        self._unread = b""
        self._searched_bytes = 0

    @property
    def idle_since(self) -> float:
        """When it was first seen to have no request, seconds of the loop's clock; infinite where it has one."""
        return self._phase_since if self._phase <= IDLE and self._phase_since else inf

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn's own
        """A client is there; refused where too many are."""
        super().connection_made(transport)
        if len(self.connections) > self._max_connections and not self._make_room():
            self._refuse(Problem(503, "SERVICE_UNAVAILABLE", "Too many connections.", retry_after_seconds=1))

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._unread = b""
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """What the client sent."""
        if self._phase >= ANSWER:
            self._hold(data)
            return
        if self._unread:
            data, self._unread = self._unread + data, b""
        self._advance(data)

    def on_message_complete(self) -> None:
        """The request is here whole."""
        super().on_message_complete()
        if self.cycle.response_complete:
            self._end_answer()
        else:
            self._phase, self._phase_since = ANSWER, 0.0

    def on_response_complete(self) -> None:
        """Replaces uvicorn's own, which has a timer a request and its queue of requests that were sent ahead."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self._phase == ANSWER:
            self._end_answer()

    def pause_writing(self) -> None:
        """The client does not read its answers: it gets no further ones."""
        super().pause_writing()
        if self._phase <= IDLE:
            self._phase = BLOCKED

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        if self._phase == BLOCKED:
            self._end_answer()

    def shutdown(self) -> None:
        """The server stops."""
        if self._phase == REFUSED:
            self.transport.close()
        else:
            super().shutdown()

    def enforce(self, now: float) -> None:
        """Ends the connection where a limit is over. Called about once a second; ``now``: the loop's clock."""
        if self._is_stuck(now):
            self.transport.abort()
        elif self._phase_since == 0.0:
            self._phase_since = now
        elif now - self._phase_since > self._timeouts_seconds[self._phase] and not self.transport.is_closing():
            self._time_out()

    def close_idle(self) -> None:
        """Makes room for another one."""
        self.transport.close()

    def _time_out(self) -> None:
        if self._phase in (HEAD, PART, BODY):
            self._refuse(Problem(408, "REQUEST_TIMEOUT", "The request did not arrive in time."))
        elif self._phase == REFUSED:
            self.transport.abort()
        else:
            # Not a word: to a client that has sent nothing, 408 would look like the answer to what it sends next.
            self.transport.close()

    def _is_stuck(self, now: float) -> bool:
        """Whether an answer waits for the client to read it, and no byte went out for too long."""
        unsent_bytes = self.transport.get_write_buffer_size()
        if not unsent_bytes or unsent_bytes != self._unsent_bytes:
            self._unsent_bytes, self._unsent_since = unsent_bytes, now
        return now - self._unsent_since > self._send_seconds

    def _advance(self, data: bytes) -> None:
        try:
            while data:
                if self._phase >= ANSWER:
                    self._hold(data)
                    return
                data = self._take_body(data) if self._phase == BODY else self._take_head(data)
        except Problem as problem:
            self._refuse(problem)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(malformed("can't be read"))

    def _take_head(self, data: bytes) -> bytes:
        # RFC 9112, 2.2: empty lines before a request are skipped.
        data = data.lstrip(b"\r\n")
        end = find_end(data, self._searched_bytes)
        if not end:
            self._keep(data)
            return b""
        self._searched_bytes = 0
        head = read_head(data[:end])
        self._body = Body(head)
        self._phase, self._phase_since = BODY, 0.0
        # The request before is answered. Where the parser refuses this one, its answer must not be taken for this one's.
        self.cycle = None  # type: ignore[assignment]  # as uvicorn itself begins
        self._feed(head.raw)
        return data[end:]

    def _keep(self, data: bytes) -> None:
        self._unread, self._searched_bytes = data, len(data)
        if data and self._phase != HEAD:
            self._phase, self._phase_since = HEAD, 0.0

    def _take_body(self, data: bytes) -> bytes:
        assert self._body is not None  # noqa: S101 set with the phase
        size = self._body.take(data)
        self._feed(data[:size])
        return data[size:]

    def _feed(self, data: bytes) -> None:
        self.parser.feed_data(data)
        if self._body is not None and self._body.complete == (self._phase == BODY):
            # Two readings of one message are how requests are smuggled.
            raise malformed("has a body whose end is not clear")

    def _hold(self, data: bytes) -> None:
        if self._phase == REFUSED:
            return
        self._unread += data
        if len(self._unread) > _AHEAD_BYTES_MAX:
            self.flow.pause_reading()

    def _end_answer(self) -> None:
        self._phase, self._phase_since = BLOCKED if self.flow.write_paused else IDLE, 0.0
        if self._unread:
            # Not at once: a thousand requests in one piece would be as many calls inside of each other.
            self.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._phase >= ANSWER or self.transport.is_closing():
            return
        data, self._unread = self._unread, b""
        self.flow.resume_reading()
        self._advance(data)

    def _refuse(self, problem: Problem) -> None:
        """Answers ``problem``, where nothing was answered yet, and ends the connection."""
        # The application has answered a request without reading its body: another answer would be taken for the next one's.
        answered = self._phase == BODY and self.cycle is not None and self.cycle.response_complete
        self._phase, self._phase_since, self._unread = REFUSED, 0.0, b""
        if self.transport.is_closing():
            return
        if answered or self._abandon_answer():
            self.transport.close()
            return
        self.transport.write(render(problem, self.server_state.default_headers))
        # Only this direction: what was sent before the refusal is read and dropped, or the end of the connection could
        # overtake the refusal.
        self.flow.resume_reading()
        self.transport.write_eof()

    def _abandon_answer(self) -> bool:
        """Whether one is under way. From now on the application speaks to a client that is gone."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return False
        cycle.disconnected = True
        cycle.message_event.set()
        return cycle.response_started

    def _make_room(self) -> bool:
        others = [other for other in self.connections if isinstance(other, HttpProtocol) and other.idle_since < inf]
        for other in nsmallest(_ROOM_CONNECTIONS, others, key=attrgetter("idle_since")):
            other.close_idle()
        return bool(others)


def render(problem: Problem, default_headers: list[tuple[bytes, bytes]]) -> bytes:
    """The whole answer to a request that no application sees."""
    body = problem.envelope(datetime.now(UTC))
    headers = [header for header in default_headers if header != CLOSE_HEADER]
    headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), CLOSE_HEADER]
    headers += [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    if problem.retry_after_seconds is not None:
        headers.append((b"retry-after", b"%d" % problem.retry_after_seconds))
    return b"".join([STATUS_LINE[problem.status], *(b"%b: %b\r\n" % header for header in headers), b"\r\n", body])
