"""Kafka's Metadata answer as a fenced broker gives it: the topics are there, the brokers are not (pure)."""

import struct

METADATA = 3
FETCH = 1
# From here on lengths are varints, and structures end with tagged fields.
_FLEXIBLE_VERSION = 9
_LEADER_NOT_AVAILABLE = 5
_NO_LEADER = -1


def without_brokers(response: bytes, version: int) -> bytes:
    """``response`` (without its length) with no broker in it, and no leader of any partition.

    Raises ``ValueError`` for a version before 9, which no client of ours asks for.
    """
    if version < _FLEXIBLE_VERSION:
        raise ValueError(f"Metadata version {version} is too old to be rewritten")
    reader = _Reader(response)
    reader.skip(4)  # correlation id
    reader.tags()
    reader.skip(4)  # throttle time
    head = response[: reader.at]
    for _ in range(reader.length()):
        _skip_broker(reader)
    begin = reader.at
    reader.compact_bytes()  # cluster id
    reader.skip(4)  # controller
    rest = bytearray(response[begin:])
    for _ in range(reader.length()):
        _take_leaders_away(reader, rest, begin, version)
    return head + b"\x01" + bytes(rest)


class _Reader:
    """Goes through a message from its begin; ``at`` is where it stands."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def skip(self, size: int) -> None:
        self.at += size

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def length(self) -> int:
        """Of a compact array or string; 0 for a null one."""
        return max(0, self.varint() - 1)

    def compact_bytes(self) -> None:
        self.skip(self.length())

    def tags(self) -> None:
        for _ in range(self.varint()):
            self.varint()
            self.skip(self.varint())


def _skip_broker(reader: _Reader) -> None:
    reader.skip(4)  # node id
    reader.compact_bytes()  # host
    reader.skip(4)  # port
    reader.compact_bytes()  # rack
    reader.tags()


def _take_leaders_away(reader: _Reader, rest: bytearray, begin: int, version: int) -> None:
    reader.skip(2)  # error
    reader.compact_bytes()  # name
    if version >= 10:
        reader.skip(16)  # topic id
    reader.skip(1)  # internal
    for _ in range(reader.length()):
        struct.pack_into(">h", rest, reader.at - begin, _LEADER_NOT_AVAILABLE)
        struct.pack_into(">i", rest, reader.at + 6 - begin, _NO_LEADER)
        reader.skip(2 + 4 + 4 + 4)  # error, index, leader, epoch
        for _replicas in range(3):
            reader.skip(4 * reader.length())
        reader.tags()
    reader.skip(4)  # authorized operations
    reader.tags()
