"""What could not be read or stored is kept: in a topic, with the reason and where it came from in the headers."""

from dataclasses import dataclass

from confluent_kafka import Message

Headers = list[tuple[str, str | bytes | None]]


@dataclass(frozen=True)
class Source:
    """Where a record was: ``offset`` of ``partition`` in the topic with that name and id."""

    topic: str
    topic_id: str
    partition: int
    offset: int


@dataclass(frozen=True)
class DeadLetter:
    """A record that was rejected: its key and value as they were, where it was, and why it is here."""

    source: Source
    reason: str
    key: bytes | None
    value: bytes | None

    def headers(self) -> Headers:
        """The headers of its record in the dead-letter topic."""
        return [
            ("reason", self.reason.encode()),
            ("source_topic", self.source.topic.encode()),
            ("source_topic_id", self.source.topic_id.encode()),
            ("source_partition", str(self.source.partition).encode()),
            ("source_offset", str(self.source.offset).encode()),
        ]


def parse(message: Message) -> DeadLetter:
    """The dead letter in a record of the dead-letter topic. Raises ``ValueError`` for a record without the headers."""
    found = message.headers() or []
    headers = {
        name: value for name, value in (found.items() if isinstance(found, dict) else found) if isinstance(value, bytes)
    }
    try:
        source = Source(
            headers["source_topic"].decode(),
            headers["source_topic_id"].decode(),
            int(headers["source_partition"]),
            int(headers["source_offset"]),
        )
        return DeadLetter(
            source, headers["reason"].decode(errors="replace"), _bytes(message.key()), _bytes(message.value())
        )
    except KeyError as error:
        raise ValueError(f"the record at offset {message.offset()} has no header {error}") from None


def _bytes(data: str | bytes | None) -> bytes | None:
    return data.encode() if isinstance(data, str) else data
