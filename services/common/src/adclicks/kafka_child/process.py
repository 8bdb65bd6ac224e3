"""The asking side: starts the child when it is needed, and again when it has ended."""

import asyncio
import contextlib
import itertools
import sys
from collections.abc import Sequence

import msgspec
import structlog

from adclicks.kafka_child.messages import LENGTH_BYTES, Answer, AnswerBody, Body, Request, frame

# -P: what lies in the working folder is not imported.
COMMAND = (sys.executable, "-P", "-m", "adclicks.kafka_child")
_END_SECONDS = 2.0
_decode = msgspec.msgpack.Decoder(Answer).decode
_log = structlog.get_logger()


class ChildEndedError(Exception):
    """The child ended before it answered; the next request starts another."""


class Child:
    """One run of the child. Requests to it are answered in any order; when it ends, all of them fail."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._is_killed = False
        self._reading = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether no request can be answered any more."""
        return self._is_killed or self._reading.done()

    def tell(self, body: Body) -> None:
        """Without waiting for the answer."""
        if not self.has_ended and self._process.stdin is not None:
            self._process.stdin.write(frame(Request(next(self._numbers), body)))

    async def ask(self, body: Body, timeout_seconds: float) -> AnswerBody:
        """Raises ``ChildEndedError``; after ``timeout_seconds`` without an answer the child is ended for it."""
        number = next(self._numbers)
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            if self.has_ended or self._process.stdin is None:
                raise ChildEndedError("it has ended")
            self._process.stdin.write(frame(Request(number, body)))
            answer: Answer = await asyncio.wait_for(waiting, timeout_seconds)
            return answer.body
        except TimeoutError:
            self._kill()
            raise ChildEndedError(f"no answer within {timeout_seconds:g} s") from None
        finally:
            self._waiting.pop(number, None)

    async def end(self) -> None:
        """By the end of its input; by force where that is not enough."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(asyncio.shield(self._reading), _END_SECONDS)
        except TimeoutError:
            self._kill()
            await self._reading

    def _kill(self) -> None:
        self._is_killed = True
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def _read(self) -> None:
        answers = self._process.stdout
        assert answers is not None  # noqa: S101 it was asked for
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                length = int.from_bytes(await answers.readexactly(LENGTH_BYTES))
                answer = _decode(await answers.readexactly(length))
                waiting = self._waiting.get(answer.number)
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
        exit_code = await self._process.wait()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ChildEndedError(f"its process ended with exit code {exit_code}"))
        if exit_code:
            _log.warning("the process that asks Kafka has ended", pid=self.pid, exit_code=exit_code)


class KafkaProcess:
    """One child at a time, shared by any number of ``KafkaClient``. For one event loop."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = command
        self._starting = asyncio.Lock()
        self._child: Child | None = None

    async def child(self) -> Child:
        """The one that runs; started if there is none. Raises OSError where it can't be."""
        async with self._starting:
            if self._child is None or self._child.has_ended:
                process = await asyncio.create_subprocess_exec(
                    *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
                )
                self._child = Child(process)
            return self._child

    async def close(self) -> None:
        """Ends the child. It also ends by itself when this process is gone, however it went."""
        async with self._starting:
            if self._child is not None:
                await self._child.end()
                self._child = None
