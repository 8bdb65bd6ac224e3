"""What could not be read or stored is kept: in a topic, with the reason and where it came from in the headers."""

from dataclasses import dataclass, replace
from hashlib import sha256

from confluent_kafka import Message

from adclicks.deliveries import Headers

# Key bytes that a cut letter keeps at the most, and bytes of any letter's reason.
_KEY_BYTES_MAX = 1_024
_REASON_BYTES_MAX = 2_048


@dataclass(frozen=True)
class Source:
    """Where a record was: ``offset`` of ``partition`` in the topic with that name and id."""

    topic: str
    topic_id: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


@dataclass(frozen=True)
class Original:
    """Sizes and SHA-256 (in hexadecimal digits) of the key and the value of a record whose letter was cut."""

    key_bytes: int
    key_sha256: str
    value_bytes: int
    value_sha256: str

    @classmethod
    def of(cls, key: bytes | None, value: bytes | None) -> "Original":
        """Of a whole record; none counts as empty."""
        key, value = key or b"", value or b""
        return cls(len(key), sha256(key).hexdigest(), len(value), sha256(value).hexdigest())


@dataclass(frozen=True)
class DeadLetter:
    """A record that was rejected: its key and value as they were, where it was, and why it is here.

    ``original`` is set where Kafka did not take the whole record here: ``key`` and ``value`` are then only its beginning, and
    the record itself is at ``source`` for as long as that topic keeps it.
    """

    source: Source
    reason: str
    key: bytes | None
    value: bytes | None
    original: Original | None = None

    def cut(self, value_bytes: int) -> "DeadLetter":
        """With the first ``value_bytes`` of its value, as many of its key (at most 1,024), and what the whole had been."""
        return replace(
            self,
            key=self.key[: min(value_bytes, _KEY_BYTES_MAX)] if self.key is not None else None,
            value=self.value[:value_bytes] if self.value is not None else None,
            original=self.original or Original.of(self.key, self.value),
        )

    def headers(self) -> Headers:
        """The headers of its record in the dead-letter topic."""
        headers: Headers = [
            ("reason", self.reason.encode()[:_REASON_BYTES_MAX]),
            ("source_topic", self.source.topic.encode()),
            ("source_topic_id", self.source.topic_id.encode()),
            ("source_partition", str(self.source.partition).encode()),
            ("source_offset", str(self.source.offset).encode()),
        ]
        if self.original is not None:
            headers += [
                ("original_key_bytes", str(self.original.key_bytes).encode()),
                ("original_key_sha256", self.original.key_sha256.encode()),
                ("original_value_bytes", str(self.original.value_bytes).encode()),
                ("original_value_sha256", self.original.value_sha256.encode()),
            ]
        return headers


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
        reason = headers["reason"].decode(errors="replace")
        return DeadLetter(source, reason, _bytes(message.key()), _bytes(message.value()), _original(headers))
    except KeyError as error:
        raise ValueError(f"the record at offset {message.offset()} has no header {error}") from None


def _original(headers: dict[str, bytes]) -> Original | None:
    if "original_value_bytes" not in headers:
        return None
    return Original(
        int(headers["original_key_bytes"]),
        headers["original_key_sha256"].decode(),
        int(headers["original_value_bytes"]),
        headers["original_value_sha256"].decode(),
    )


def _bytes(data: str | bytes | None) -> bytes | None:
    return data.encode() if isinstance(data, str) else data
