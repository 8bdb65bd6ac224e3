"""How far a replay is in one partition of the dead-letter topic, and how that is kept beside Kafka's committed offset. Pure."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

# A broker takes 4,096 bytes beside a committed offset (offset.metadata.max.bytes).
_METADATA_BYTES_MAX = 4_000


@dataclass(frozen=True)
class ReplayPosition:
    """Everything before ``end`` is dealt with, and the offsets in ``beyond`` as well."""

    end: int
    beyond: frozenset[int] = frozenset()

    @classmethod
    def after(cls, offsets: Iterable[tuple[int, bool]]) -> "ReplayPosition | None":
        """The position after ``offsets``, in order, each with whether it is dealt with; None where there are none."""
        end: int | None = None
        beyond: set[int] = set()
        unsettled = False
        for offset, is_settled in offsets:
            if end is None:
                end = offset
            unsettled = unsettled or not is_settled
            if not unsettled:
                end = offset + 1
            elif is_settled:
                beyond.add(offset)
        return None if end is None else cls(end, frozenset(beyond))

    def and_beyond(self, offsets: frozenset[int]) -> "ReplayPosition":
        """The same, with ``offsets`` dealt with, too."""
        return ReplayPosition(self.end, self.beyond | frozenset(offset for offset in offsets if offset >= self.end))

    @classmethod
    def read(cls, end: int, metadata: str | None) -> "ReplayPosition":
        """Of a committed offset and its metadata; of what is not ours there, nothing is beyond."""
        try:
            ranges = json.loads(metadata or "[]")
            return cls(end, frozenset(offset for first, last in ranges for offset in range(first, last + 1)))
        except (ValueError, TypeError):
            return cls(end)

    def metadata(self) -> str:
        """``beyond`` as ranges, in JSON; empty where it is too long: those letters may then be sent twice."""
        ranges = []
        for _, group in groupby(enumerate(sorted(self.beyond)), lambda item: item[1] - item[0]):
            offsets = [offset for _, offset in group]
            ranges.append([offsets[0], offsets[-1]])
        text = json.dumps(ranges, separators=(",", ":"))
        return text if ranges and len(text) <= _METADATA_BYTES_MAX else ""
