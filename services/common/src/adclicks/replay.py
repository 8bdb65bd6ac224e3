"""Dead letters back to their topics: in bounded batches, each remembered once Kafka has it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from adclicks import kafka
from adclicks.dead_letter_log import DeadLetterLog, Entry
from adclicks.deliveries import Delivery, Outgoing, end_elsewhere
from adclicks.kafka_errors import Remedy, remedy
from adclicks.originals import OriginalGone, Originals
from adclicks.replay_position import ReplayPosition
from adclicks.settings import KafkaSettings

BATCH_LETTERS = 500
_BATCH_BYTES = 4 * 1024 * 1024
# No acknowledgement for so long: a quota may keep the client waiting for a part of it.
_STALL_SECONDS = 60.0
_INTERRUPTED_SECONDS = 5.0
_ROUNDS = 3
_RECORD_BYTES_MAX = 100_000_000


class _Batch:
    """Entries in a row: ``todo`` holds what is still to be sent, by the entry's index."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self.todo: dict[int, Outgoing] = {}
        self._settled: set[int] = set()

    def settle(self, index: int) -> None:
        """Kafka has it, or it can't be sent."""
        self.todo.pop(index, None)
        self._settled.add(index)

    def positions(self) -> dict[int, ReplayPosition]:
        """By partition, how far it is."""
        by_partition: dict[int, list[tuple[int, bool]]] = {}
        for index, entry in enumerate(self.entries):
            by_partition.setdefault(entry.partition, []).append((entry.offset, index in self._settled))
        found = {partition: ReplayPosition.after(offsets) for partition, offsets in by_partition.items()}
        return {partition: position for partition, position in found.items() if position is not None}


class Replay:
    """Sends letters again. ``tell`` is given why one can't be; ``advance`` how many more were dealt with.

    Interrupted, it goes on the next time with those that were not acknowledged. A letter can be sent twice only where an
    acknowledgement, or what was remembered of it, got lost; a click's id counts once.
    """

    def __init__(
        self,
        log: DeadLetterLog,
        originals: Originals,
        settings: KafkaSettings,
        tell: Callable[[str], None],
        advance: Callable[[int], None],
    ) -> None:
        self._log = log
        self._originals = originals
        self._config = producer_config(settings)
        self._tell = tell
        self._advance = advance
        self._producers: list[Producer] = []
        self.sent = self.refused = 0

    def run(self, entries: Iterable[Entry]) -> None:
        """All of ``entries``. Raises ``KafkaUnavailableError``, ``KafkaRefusedError``: what is done is remembered then, too."""
        collected: list[Entry] = []
        size = 0
        for entry in entries:
            collected.append(entry)
            size += entry.bytes
            if len(collected) >= BATCH_LETTERS or size >= _BATCH_BYTES:
                self._replay(_Batch(collected))
                collected, size = [], 0
        self._replay(_Batch(collected))

    def rehearse(self, entries: Iterable[Entry]) -> None:
        """As ``run``, but nothing is sent or remembered."""
        for entry in entries:
            self.sent += self._outgoing(entry) is not None
            self._advance(1)

    def _replay(self, batch: _Batch) -> None:
        try:
            self._send(batch)
        except BaseException:
            with suppress(KafkaException, kafka.KafkaUnavailableError):
                self._log.remember(batch.positions())
            raise
        self._log.remember(batch.positions())

    def _send(self, batch: _Batch) -> None:
        for index, entry in enumerate(batch.entries):
            outgoing = self._outgoing(entry)
            if outgoing is None:
                self._settle(batch, index)
            else:
                batch.todo[index] = outgoing
        errors: dict[int, KafkaError] = {}
        for attempt in range(_ROUNDS):
            if not batch.todo:
                return
            errors = self._round(batch)
            # In the first round a record may only have shared its request with one that is too large.
            self._after_errors(batch, errors, Remedy.CHANGE_RECORD if attempt else None)
        if batch.todo:
            raise kafka.failure(next(iter(errors.values())), f"{len(batch.todo)} dead letters")

    def _round(self, batch: _Batch) -> dict[int, KafkaError]:
        indexes = list(batch.todo)
        delivery = Delivery(_STALL_SECONDS)
        try:
            delivery.send(self._producer(), list(batch.todo.values()))
        except KeyboardInterrupt:
            delivery.wait(self._producer(), _INTERRUPTED_SECONDS)
            raise
        finally:
            for number in delivery.acknowledged:
                self.sent += 1
                self._settle(batch, indexes[number])
        return {indexes[number]: error for number, error in delivery.errors.items()}

    def _after_errors(self, batch: _Batch, errors: Mapping[int, KafkaError], final: Remedy | None) -> None:
        """Passes over those whose remedy is ``final``; the others are tried again, each in a request of its own."""
        if not errors:
            return
        for index, error in errors.items():
            if remedy(error) is Remedy.ADMINISTER:
                raise kafka.failure(error, f"dead letters in {batch.todo[index].topic}")
            if remedy(error) is final:
                self._refuse(batch.entries[index], error.str())
                self._settle(batch, index)
        end_elsewhere([self._producers.pop()])
        self._config = {**self._config, "batch.num.messages": 1}

    def _outgoing(self, entry: Entry) -> Outgoing | None:
        if entry.letter is None:
            self._refuse(entry, entry.problem)
            return None
        try:
            letter = self._originals.find(entry.letter)
        except OriginalGone as gone:
            self._refuse(entry, f"only its beginning was kept, and the record is gone: {gone}")
            return None
        return Outgoing(letter.source.topic, letter.key, letter.value)

    def _refuse(self, entry: Entry, why: str) -> None:
        self.refused += 1
        self._tell(f"{entry.letter.source if entry.letter else 'passed over'}: {why}")

    def _settle(self, batch: _Batch, index: int) -> None:
        batch.settle(index)
        self._advance(1)

    def _producer(self) -> Producer:
        if not self._producers:
            self._producers.append(Producer(self._config))
        return self._producers[0]


def producer_config(settings: KafkaSettings) -> dict[str, Any]:
    """Acknowledged by all in-sync replicas; the client's own retries don't double."""
    return kafka.client_config(settings, "adclicks-replay") | {
        "acks": "all",
        "enable.idempotence": True,
        # What a topic took once it takes again; the broker decides.
        "message.max.bytes": _RECORD_BYTES_MAX,
    }
