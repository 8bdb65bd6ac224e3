"""The child process: requests come on standard input, answers go to standard output. It ends with its input."""

import asyncio
import os
import signal
import sys

import msgspec
from confluent_kafka import KafkaException

from adclicks.kafka_admin import Admin
from adclicks.kafka_child.messages import (
    LENGTH_BYTES,
    Answer,
    AnswerBody,
    Cause,
    Close,
    Done,
    Failed,
    Open,
    Request,
    frame,
)
from adclicks.kafka_child.reading import answer, cause

_decode = msgspec.msgpack.Decoder(Request).decode


class Child:
    """Its clients by number, and the requests that are under way."""

    def __init__(self, output: asyncio.StreamWriter) -> None:
        self._output = output
        self._clients: dict[int, Admin] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, request: Request) -> None:
        """Answers at once, or when Kafka does."""
        task = asyncio.create_task(self._serve(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, request: Request) -> None:
        body = request.body
        if isinstance(body, Open):
            self._say(request, self._open(body))
        elif isinstance(body, Close):
            self._clients.pop(body.client, None)
            self._say(request, Done())
        else:
            client = self._clients.get(body.client)
            closed = Failed((Cause("", "the client was closed"),))
            self._say(request, closed if client is None else await answer(client, body))

    def _open(self, asked: Open) -> Done | Failed:
        try:
            self._clients[asked.client] = Admin(dict(asked.config))
        except (KafkaException, ValueError, TypeError) as error:
            return Failed((cause(error),))
        return Done()

    def _say(self, request: Request, body: AnswerBody) -> None:
        self._output.write(frame(Answer(request.number, body)))


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    requests = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(requests), sys.stdin)
    # What a library prints must not get between the answers: it goes to standard error.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, answers)
    child = Child(asyncio.StreamWriter(transport, protocol, None, loop))
    while True:
        try:
            length = int.from_bytes(await requests.readexactly(LENGTH_BYTES))
            child.take(_decode(await requests.readexactly(length)))
        except asyncio.IncompleteReadError:
            # Nobody asks any more. Clients are not ended: that may take long, or abort.
            os._exit(0)


if __name__ == "__main__":
    # Ctrl-C reaches the whole process group; the one who asks ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(_serve())
