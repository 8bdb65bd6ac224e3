"""The clicks of very many ads in little memory. Pure.

24 bytes an ad, in buckets by a hash that a caller can't foresee: a dictionary of Python's own objects takes 200.
"""

from dataclasses import dataclass

ENTRY_BYTES = 24
_ID_BYTES = 16
_BUCKETS = 1 << 16


@dataclass(frozen=True, slots=True)
class Counter:
    """An ad's clicks, and whether the ad is listed under them."""

    clicks: int
    listed: bool


class Counters:
    """Ids are the 16 bytes of a UUID."""

    def __init__(self) -> None:
        self._buckets: list[bytearray | None] = [None] * _BUCKETS
        self.total = 0

    def get(self, ad_id: bytes) -> Counter | None:
        """None for an ad that has not been put in."""
        bucket = self._buckets[hash(ad_id) % _BUCKETS]
        at = -1 if bucket is None else _find(bucket, ad_id)
        if bucket is None or at < 0:
            return None
        value = int.from_bytes(bucket[at + _ID_BYTES : at + ENTRY_BYTES], "big")
        return Counter(value >> 1, bool(value & 1))

    def put(self, ad_id: bytes, counter: Counter) -> None:
        """Adds the ad, or replaces what is kept of it."""
        index = hash(ad_id) % _BUCKETS
        bucket = self._buckets[index]
        if bucket is None:
            bucket = self._buckets[index] = bytearray()
        entry = ad_id + (counter.clicks << 1 | counter.listed).to_bytes(8, "big")
        at = _find(bucket, ad_id)
        if at < 0:
            bucket += entry
            self.total += counter.clicks
        else:
            before = int.from_bytes(bucket[at + _ID_BYTES : at + ENTRY_BYTES], "big") >> 1
            bucket[at : at + ENTRY_BYTES] = entry
            self.total += counter.clicks - before

    def load(self, entries: bytes) -> None:
        """Adds ads that are not there yet: of each its id, and 8 bytes with twice its clicks, and 1 where it is listed."""
        buckets = self._buckets
        for at in range(0, len(entries), ENTRY_BYTES):
            entry = entries[at : at + ENTRY_BYTES]
            index = hash(entry[:_ID_BYTES]) % _BUCKETS
            bucket = buckets[index]
            if bucket is None:
                buckets[index] = bytearray(entry)
            else:
                bucket += entry
            self.total += int.from_bytes(entry[_ID_BYTES:], "big") >> 1


def _find(bucket: bytearray, ad_id: bytes) -> int:
    at = bucket.find(ad_id)
    # An id may also be found across two entries.
    while at > 0 and at % ENTRY_BYTES:
        at = bucket.find(ad_id, at + 1)
    return at
