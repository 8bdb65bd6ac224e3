"""What the process and its child say to each other. Pure.

A message is MessagePack behind its length, four bytes, the highest first.
"""

import msgspec

ConfigValue = str | int | float | bool
LENGTH_BYTES = 4


class Open(msgspec.Struct, frozen=True, tag=True):
    """Make the client with the number ``client`` of librdkafka's ``config``."""

    client: int
    config: dict[str, ConfigValue]


class Close(msgspec.Struct, frozen=True, tag=True):
    """End that client. Requests of it that are under way are still answered."""

    client: int


class ReadTopic(msgspec.Struct, frozen=True, tag=True):
    """Where the log of each partition of ``topic`` begins and ends."""

    client: int
    topic: str
    timeout_seconds: float


class ReadGroup(msgspec.Struct, frozen=True, tag=True):
    """The same, and how far ``group`` has committed, and which member reads what."""

    client: int
    topic: str
    group: str
    timeout_seconds: float


Body = Open | Close | ReadTopic | ReadGroup


class Request(msgspec.Struct, frozen=True):
    """``number`` tells the answers apart: they come in any order."""

    number: int
    body: Body


class Done(msgspec.Struct, frozen=True, tag=True):
    """``Open`` or ``Close`` is done."""


class TopicOffsets(msgspec.Struct, frozen=True, tag=True):
    """A topic. ``starts`` and ``ends``: each partition's first offset that is still there, and the end of what can be read:
    the next one to be written, or the first of a transaction that is open.

    ``age_seconds`` is how long before this answer the ends were asked for. ``topic_id`` is not shared by a recreated topic.
    """

    topic_id: str
    starts: dict[int, int]
    ends: dict[int, int]
    age_seconds: float


class GroupOffsets(msgspec.Struct, frozen=True, tag=True):
    """A group on a topic. It was asked for before the topic's ends: never ahead of them.

    ``committed`` lacks partitions without a commit, ``owners`` (partition to member id) those that nobody reads.
    ``member_count`` is None where the brokers do not say.
    """

    topic: TopicOffsets
    committed: dict[int, int]
    owners: dict[int, str]
    member_count: int | None


class Cause(msgspec.Struct, frozen=True):
    """One of Kafka's errors. ``name`` is Kafka's name of it (librdkafka's own begin with an underscore), "" for none."""

    name: str
    text: str


class Failed(msgspec.Struct, frozen=True, tag=True):
    """What the request failed with, then the last error of the client's connections, if there was one."""

    causes: tuple[Cause, ...]


AnswerBody = Done | TopicOffsets | GroupOffsets | Failed


class Answer(msgspec.Struct, frozen=True):
    """To the request of the same number."""

    number: int
    body: AnswerBody


def frame(message: Request | Answer) -> bytes:
    """``message`` as it is written to a pipe."""
    data = msgspec.msgpack.encode(message)
    return len(data).to_bytes(LENGTH_BYTES) + data
