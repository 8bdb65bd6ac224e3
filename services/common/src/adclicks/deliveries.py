"""Records to Kafka, and what became of each, for senders that wait. ingest, whose event loop must not wait, has its own."""

import _thread
import time
from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Message, Producer

Headers = list[tuple[str, str | bytes | None]]
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Outgoing:
    """A record that is to be sent."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers | None = None

    @property
    def bytes(self) -> int:
        """What it takes in memory, about."""
        return len(self.key or b"") + len(self.value or b"")


class Delivery:
    """One sending of some records; used once. It holds no reference to its producer: ``end_elsewhere`` needs the last one.

    ``stall_seconds``: how long no answer at all may come, as long as some are due.
    """

    def __init__(self, stall_seconds: float) -> None:
        self._stall_seconds = stall_seconds
        self._outstanding: set[int] = set()
        self._fatal: KafkaError | None = None
        self._last_answer = time.monotonic()
        self.errors: dict[int, KafkaError] = {}
        self.acknowledged: set[int] = set()

    def send(self, producer: Producer, records: Sequence[Outgoing]) -> dict[int, KafkaError]:
        """Sends ``records`` and waits for Kafka's answers. Returns the error of each that it has not, by its index."""
        self._last_answer = time.monotonic()
        for index, record in enumerate(records):
            self._produce(producer, index, record)
        self.wait(producer, self._stall_seconds)
        return self.errors

    def wait(self, producer: Producer, stall_seconds: float) -> None:
        """Waits for the answers that are due. Those that do not come count as timed out."""
        while self._outstanding and not self._is_stalled(stall_seconds):
            self._poll(producer, _POLL_SECONDS)
        reason = self._fatal or KafkaError(KafkaError._TIMED_OUT, "no answer in time")  # noqa: SLF001 its public name
        self.errors |= dict.fromkeys(self._outstanding, reason)
        if self._fatal is not None:
            # What the client then says of each record is that it was purged.
            self.errors = dict.fromkeys(self.errors, self._fatal)
        self._outstanding = set()

    def _produce(self, producer: Producer, index: int, record: Outgoing) -> None:
        def answered(error: KafkaError | None, _message: Message) -> None:
            self._answered(index, error)

        self._outstanding.add(index)
        while self._fatal is None and not self._is_stalled(self._stall_seconds):
            try:
                producer.produce(record.topic, record.value, record.key, headers=record.headers, on_delivery=answered)
            except BufferError:
                # The client's queue is full: answers make room.
                self._poll(producer, _POLL_SECONDS)
            except KafkaException as error:
                self._answered(index, error.args[0])
                return
            else:
                self._poll(producer, 0)
                return

    def _answered(self, index: int, error: KafkaError | None) -> None:
        if index not in self._outstanding:
            return
        self._outstanding.discard(index)
        self._last_answer = time.monotonic()
        if error is None:
            self.acknowledged.add(index)
        else:
            self.errors[index] = error

    def _poll(self, producer: Producer, timeout_seconds: float) -> None:
        try:
            producer.poll(timeout_seconds)
        except KafkaException as error:
            # A fatal error is raised here, and its answers say no more than that they were given up.
            self._fatal = error.args[0]

    def _is_stalled(self, stall_seconds: float) -> bool:
        return time.monotonic() - self._last_answer > stall_seconds


def end_elsewhere(held: list[Producer]) -> None:
    """Gives up the producers in ``held``, and empties it, in a thread: the end of one may wait for a name that is looked up."""

    def end() -> None:
        for producer in held:
            producer.purge(blocking=False)
        held.clear()

    _thread.start_new_thread(end, ())
