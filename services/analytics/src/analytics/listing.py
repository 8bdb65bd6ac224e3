"""All ads and their totals, the most clicked first, as the body of an answer that is kept ready. Pure.

The rows lie in blocks of about a thousand, each encoded and compressed. A change costs the blocks that its row leaves and
enters; all others are used as they are. A listing does not change: ``apply`` returns another one, which shares the blocks
that are the same, so an answer that is being sent stays what it was.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from analytics.gzip_stream import HEADER, TRAILER_BYTES, Part, pack, trailer, unpack

BLOCK_ROWS = 1_000
_CLICKS_MAX = 2**63 - 1
_START, _COMMA, _END = pack(b'{"data":['), pack(b","), pack(b"]}")


class AdTotal(msgspec.Struct, frozen=True):
    """An ad's total as the API gives it: a string."""

    ad_id: str
    name: str
    total_clicks: str


@dataclass(frozen=True, slots=True)
class Change:
    """An ad that is listed with ``before`` clicks (None: not yet), and is to be listed with ``after``.

    ``name`` is None where it stays what it is. Raises nothing by itself; ``Listing.apply`` needs a name for a new ad.
    """

    ad_id: bytes
    before: int | None
    after: int
    name: str | None


@dataclass(frozen=True, slots=True)
class Block:
    """Rows in order, without the brackets around them; ``first`` is the first one's place in the order."""

    first: bytes
    rows: int
    part: Part


# Of a block, the rows that leave it: ad and total.
_Leaving = dict[int, dict[str, str]]


class Listing:
    """The rows of ``blocks``, which are in order."""

    def __init__(self, blocks: Sequence[Block] = ()) -> None:
        self._blocks = tuple(blocks)
        self._firsts = [block.first for block in blocks]
        self.rows = sum(block.rows for block in blocks)

    def apply(self, changes: Sequence[Change]) -> "Listing":
        """With each change made; at most one an ad. Raises ``KeyError`` where ``before`` is not what is listed."""
        leaving: _Leaving = defaultdict(dict)
        for change in changes:
            if change.before is not None:
                leaving[self._at(place(change.before, change.ad_id))][text(change.ad_id)] = str(change.before)
        names = dict(self._names(leaving))
        entering: dict[int, list[AdTotal]] = defaultdict(list)
        for change in changes:
            ad_id = text(change.ad_id)
            name = names[ad_id] if change.name is None else change.name
            row = AdTotal(ad_id, name, str(change.after))
            entering[self._at(place(change.after, change.ad_id))].append(row)
        return Listing(list(self._rewritten(leaving, entering)))

    def plain(self) -> "Body":
        """The body as it is."""
        size = sum(part.size for part in self._parts())
        return Body(size, (unpack(part) for part in self._parts()))

    def gzip(self) -> "Body":
        """The body compressed."""
        size = len(HEADER) + sum(len(part.packed) for part in self._parts()) + TRAILER_BYTES
        return Body(size, self._gzip())

    def _gzip(self) -> Iterator[bytes]:
        yield HEADER
        for part in self._parts():
            yield part.packed
        yield trailer(self._parts())

    def _parts(self) -> Iterator[Part]:
        yield _START
        for index, block in enumerate(self._blocks):
            if index:
                yield _COMMA
            yield block.part
        yield _END

    def _at(self, where: bytes) -> int:
        return max(0, bisect_right(self._firsts, where) - 1)

    def _names(self, leaving: _Leaving) -> Iterator[tuple[str, str]]:
        for index, gone in leaving.items():
            found = {row.ad_id: row.name for row in self._read(index) if gone.get(row.ad_id) == row.total_clicks}
            if len(found) != len(gone):
                raise KeyError(gone.keys() - found.keys())
            yield from found.items()

    def _rewritten(self, leaving: _Leaving, entering: dict[int, list[AdTotal]]) -> Iterator[Block]:
        small: list[AdTotal] = []
        for index in range(max(len(self._blocks), 1)):
            if index in leaving or index in entering:
                gone = leaving.get(index, {})
                rows = [row for row in self._read(index) if row.ad_id not in gone] + entering.get(index, [])
                rows.sort(key=_place_of)
                rows = small + rows
                # What is left of a block that shrank goes to the next one.
                small = rows if len(rows) < BLOCK_ROWS // 4 else []
                if not small:
                    yield from split(rows)
            elif index < len(self._blocks):
                yield from split(small)
                small = []
                yield self._blocks[index]
        yield from split(small)

    def _read(self, index: int) -> list[AdTotal]:
        return _decode(b"[" + unpack(self._blocks[index].part) + b"]") if self._blocks else []


@dataclass(frozen=True)
class Body:
    """``size`` bytes, in chunks."""

    size: int
    chunks: Iterator[bytes]


def split(rows: Sequence[AdTotal]) -> Iterator[Block]:
    """Blocks of about ``BLOCK_ROWS`` rows each; none without rows."""
    count = max(1, round(len(rows) / BLOCK_ROWS))
    for index in range(count):
        chunk = rows[len(rows) * index // count : len(rows) * (index + 1) // count]
        if chunk:
            yield block(_place_of(chunk[0]), len(chunk), msgspec.json.encode(chunk)[1:-1])


def block(first: bytes, rows: int, encoded: bytes) -> Block:
    """A block of rows that are encoded already, with commas between them."""
    return Block(first, rows, pack(encoded))


def place(clicks: int, ad_id: bytes) -> bytes:
    """Where an ad stands in the order: the most clicked first, equal ones by their ids."""
    return (_CLICKS_MAX - clicks).to_bytes(8, "big") + ad_id


def text(ad_id: bytes) -> str:
    """A UUID's usual form."""
    digits = ad_id.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def joined(chunks: Iterable[bytes], chunk_bytes: int) -> Iterator[bytes]:
    """The same bytes in chunks of at least ``chunk_bytes``, but for the last."""
    waiting: list[bytes] = []
    size = 0
    for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size >= chunk_bytes:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def _place_of(row: AdTotal) -> bytes:
    return place(int(row.total_clicks), bytes.fromhex(row.ad_id.replace("-", "")))


_decode = msgspec.json.Decoder(list[AdTotal]).decode
