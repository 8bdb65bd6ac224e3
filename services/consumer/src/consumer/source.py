"""Records from Kafka, each exactly once in this process, from where the ledger stands.

A partition that was just assigned is *unplaced*: what Kafka sends of it is dropped until ``place`` has been given its
position. From there on positions form a chain; a record that does not continue it is either old (dropped) or shows a gap.

Offsets in a gap hold no record for us: the markers of transactions, records of aborted ones, compacted records. What
retention took is no gap: a fetch from there is refused (``OffsetGone``), and the ledger is told by the next member. At the
end of a partition no record follows a gap, so the end is told by an event of its own.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from adclicks.kafka import client_config
from consumer.batch import Record
from consumer.settings import ConsumerSettings

_END_TIMEOUT_SECONDS = 2.0
_log = structlog.get_logger()
Revoked = Callable[[list[int]], None]


class OffsetGone(Exception):
    """The log does not have the offset that was to be read: retention took it, or the log was cut. Start anew.

    The client does not fetch from such a partition again, whatever it is told; a new member asks the ledger.
    """


class GroupProtocolRefused(Exception):
    """Kafka does not have the group protocol that is set. The text says what to set."""


class ClientBroken(Exception):
    """The client has met an error after which it reads nothing any more. Start anew."""


class Gap(NamedTuple):
    """The offsets [begin, end) of a partition, which hold no record."""

    partition: int
    begin: int
    end: int


class Source:
    """A member of the consumer group."""

    def __init__(self, settings: ConsumerSettings, name: str, on_revoked: Revoked) -> None:
        self._topic = settings.kafka.topic
        self._on_revoked = on_revoked
        self._consumer = Consumer(consumer_config(settings, name))
        self._positions: dict[int, int] = {}
        self._unplaced: set[int] = set()
        self._suspected: dict[int, int] = {}
        self._gaps: list[Gap] = []
        self._paused = False
        self._consumer.subscribe(
            [self._topic], on_assign=self._assigned, on_revoke=self._lost_or_revoked, on_lost=self._lost_or_revoked
        )

    @property
    def unplaced(self) -> frozenset[int]:
        """The partitions whose position is asked for."""
        return frozenset(self._unplaced)

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions that this member reads."""
        return frozenset(self._positions)

    @property
    def assigned(self) -> frozenset[int]:
        """The partitions that are this member's, placed or not."""
        return frozenset(self._positions) | self._unplaced

    def poll(self, records_max: int, timeout_seconds: float) -> list[tuple[int, Record]]:
        """``(expected offset, record)`` for up to ``records_max`` records; waits at most ``timeout_seconds``.

        Where the two differ, the offsets between hold no record; those at a partition's end are told by ``take_gaps``.
        Raises ``OffsetGone``, ``GroupProtocolRefused``, ``ClientBroken``.
        """
        taken = []
        for message in self._consumer.consume(records_max, timeout_seconds):
            error = message.error()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 its public name
                    self._at_end_of(message)
                else:
                    self._on_error(message, error)
                continue
            chained = self._chain(message)
            if chained is not None:
                taken.append(chained)
        return taken

    def take_gaps(self) -> list[Gap]:
        """The offsets without a record that ``poll`` passed since the last call, where a partition ended with them."""
        gaps, self._gaps = self._gaps, []
        return gaps

    def place(self, positions: Mapping[int, int]) -> None:
        """Reads on at ``positions``. What another member has by now is passed over."""
        for partition, offset in positions.items():
            if partition not in self._unplaced:
                continue
            try:
                self._consumer.seek(TopicPartition(self._topic, partition, offset))
            except KafkaException as error:
                # The fetcher of a fresh assignment has not started yet: it stays unplaced, and the caller comes again.
                _log.debug("seek", partition=partition, error=error.args[0].str())
                continue
            self._unplaced.discard(partition)
            self._positions[partition] = offset

    def unplace(self, partitions: Iterable[int]) -> None:
        """Forgets the positions of ``partitions``: the ledger has to be asked again."""
        gone = set(partitions)
        self._gaps = [gap for gap in self._gaps if gap.partition not in gone]
        for partition in gone:
            if self._positions.pop(partition, None) is not None:
                self._unplaced.add(partition)

    def commit(self, next_offsets: Mapping[int, int]) -> None:
        """Tells Kafka how far the group is, for those who watch its lag; the ledger does not depend on it."""
        offsets = [
            TopicPartition(self._topic, partition, offset)
            for partition, offset in next_offsets.items()
            if partition in self._positions
        ]
        if offsets:
            self._consumer.commit(offsets=offsets, asynchronous=True)

    def keep_membership(self, timeout_seconds: float) -> None:
        """Serves the group's protocol without taking records, while the caller can't take any."""
        if not self._paused:
            self._consumer.pause(self._consumer.assignment())
            self._paused = True
        # What comes all the same, of a partition that was assigned meanwhile, is read again from the ledger on.
        self.unplace({record.partition for _, record in self.poll(1, timeout_seconds)})

    def resume(self) -> None:
        """Takes records again after ``keep_membership``."""
        if self._paused:
            self._consumer.resume(self._consumer.assignment())
            self._paused = False

    def close(self) -> None:
        """Leaves the group, so that others take the partitions over at once."""
        self._consumer.close()

    def _chain(self, message: Message) -> tuple[int, Record] | None:
        partition, offset = message.partition(), message.offset()
        assert partition is not None and offset is not None  # noqa: S101, PT018 only messages in delivery reports lack them
        expected = self._positions.get(partition)
        if expected is None or offset < expected:
            return None
        if offset > expected and not self._is_gap(partition, expected):
            return None
        self._positions[partition] = offset + 1
        return expected, Record(
            partition, offset, _bytes(message.key()), _bytes(message.value()), message.timestamp()[1]
        )

    def _at_end_of(self, message: Message) -> None:
        partition, end = message.partition(), message.offset()
        assert partition is not None and end is not None  # noqa: S101, PT018 as above
        position = self._positions.get(partition)
        if position is None or end <= position or not self._is_gap(partition, position):
            return
        self._positions[partition] = end
        self._gaps.append(Gap(partition, position, end))

    def _is_gap(self, partition: int, position: int) -> bool:
        """Whether no record is at ``position``, as Kafka went on behind it. If in doubt, it is read from there again."""
        # It may be ahead because an old fetch was still queued. Only a gap that is there twice is one.
        if self._suspected.get(partition) == position:
            return True
        self._suspected[partition] = position
        self.unplace([partition])
        return False

    def _assigned(self, consumer: Consumer, assigned: list[TopicPartition]) -> None:
        # Nothing flows before the ledger has been asked: Kafka's committed offset is not where we read on.
        consumer.incremental_assign(_at_end(consumer, assigned))
        self._unplaced |= {item.partition for item in assigned}
        _log.info("partitions assigned", partitions=sorted(item.partition for item in assigned))

    def _lost_or_revoked(self, consumer: Consumer, revoked: list[TopicPartition]) -> None:
        partitions = [item.partition for item in revoked]
        self._on_revoked(partitions)
        self.unplace(partitions)
        self._unplaced.difference_update(partitions)
        consumer.incremental_unassign(revoked)
        _log.info("partitions revoked", partitions=sorted(partitions))

    def _on_error(self, message: Message, error: KafkaError) -> None:
        partition = message.partition()
        if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 its public name
            raise OffsetGone(f"partition {partition}: {error.str()}")
        if error.code() == KafkaError._FATAL:  # noqa: SLF001 its public name
            raise _fatal(error)
        _log.warning("kafka consumer", error=error.str(), partition=partition)


def _fatal(error: KafkaError) -> Exception:
    # The code that was fatal is in the text alone: UNSUPPORTED_VERSION where the broker has the protocol switched off,
    # _UNSUPPORTED_FEATURE where it is too old to know it.
    if any(words in error.str() for words in ("API version not supported", "Required feature not supported")):
        return GroupProtocolRefused(
            "Kafka does not have the group protocol of KAFKA_GROUP_PROTOCOL=consumer (brokers from 4.0 on, where "
            "group.coordinator.rebalance.protocols has it): set KAFKA_GROUP_PROTOCOL=classic"
        )
    return ClientBroken(error.str())


def _at_end(consumer: Consumer, assigned: list[TopicPartition]) -> list[TopicPartition]:
    """By its number: what OFFSET_END stands for is looked up later, and a seek that was made meanwhile would be lost."""
    try:
        ends = [consumer.get_watermark_offsets(item, timeout=_END_TIMEOUT_SECONDS)[1] for item in assigned]
    except KafkaException:
        ends = [0] * len(assigned)
    return [TopicPartition(item.topic, item.partition, end) for item, end in zip(assigned, ends, strict=True)]


def consumer_config(settings: ConsumerSettings, name: str) -> dict[str, Any]:
    """Offsets are committed by hand, and an offset that is gone is an error: the ledger decides where to read on."""
    config = client_config(settings.kafka, name) | {
        "group.id": settings.group,
        "group.protocol": settings.group_protocol,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        # librdkafka's default: a click whose transaction was aborted was never sent, and is not counted.
        "isolation.level": "read_committed",
        # Tells the end of a partition, where no record follows the marker of a transaction.
        "enable.partition.eof": True,
        # Enough for a few batches; the default of 64 MiB a partition would not fit the memory of a small pod.
        "queued.max.messages.kbytes": 16_384,
        "queued.min.messages": 20_000,
        "fetch.wait.max.ms": 100,
        "fetch.min.bytes": 65_536,
        "max.poll.interval.ms": 300_000,
    }
    if settings.group_protocol == "classic":
        config |= {"partition.assignment.strategy": "cooperative-sticky", "session.timeout.ms": 10_000}
    return config


def _bytes(data: str | bytes | None) -> bytes | None:
    return data.encode() if isinstance(data, str) else data
