"""The live totals in Redis: what the keys hold, and when a reader may believe them.

A sorted set a Kafka partition: member = an ad's id, score = the ad's total from that partition, absolute, never an
increment. One more member, ``NEXT_OFFSET``, has as its score the ledger's next offset that the totals belong to. It is
written with the totals or not at all, so:

- a lost, late or repeated write heals itself: scores only grow (``ZADD … GT``);
- a flushed, evicted or half-written set lacks ``NEXT_OFFSET`` and is not believed;
- a set restored from an old snapshot has an old ``NEXT_OFFSET``: the reader, who knows the ledger, sees that, and the
  next batch's totals are not put on top of it.

Scores are doubles: exact up to 2^53.

Beside each set lies a stream, ``changes_key``: an entry a batch, with the clicks that it *added* to each ad, and the offset
that it began at; the entry's id is the offset that it ended before. Entries that follow each other without a gap lead a
reader from any offset that he knows the totals of to a later one, for the price of what changed. Where there is a gap (a
consumer of an older version wrote, a set was written anew, the stream was trimmed) he reads all totals again. An entry is
written with its totals or not at all.

Keys that are used together are in one slot of a cluster: the set's key as a whole is the hash tag of the others.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

NEXT_OFFSET = b"next_offset"
SINCE = b"since"
ADDED = b"added"
# The stream speaks of the last offsets only, so it holds at most that many ads' changes: about 2 MB a partition.
CHANGES_OFFSETS = 50_000

# KEYS[1] the set, KEYS[2] the stream; ARGV: what was added, the offset that the set must have reached, the next offset,
# then score, member, score, member …
# Answers 0, and writes nothing, where the set is not complete, or is older: then all its totals have to be written anew.
# A stream that does not take the entry (its ids may only grow) is of another past, and is removed.
UPDATE_SCRIPT = f"""
local current = redis.call('ZSCORE', KEYS[1], 'next_offset')
if not current or tonumber(current) < tonumber(ARGV[2]) then return 0 end
local from = 4
while from <= #ARGV do
  local to = math.min(from + 3999, #ARGV)
  redis.call('ZADD', KEYS[1], 'GT', unpack(ARGV, from, to))
  from = to + 1
end
redis.call('ZADD', KEYS[1], 'GT', ARGV[3], 'next_offset')
if tonumber(current) == tonumber(ARGV[2]) then
  local oldest = string.format('%.0f', math.max(0, tonumber(ARGV[3]) - {CHANGES_OFFSETS}))
  local added = redis.pcall('XADD', KEYS[2], 'MINID', oldest, ARGV[3] .. '-0', 'since', ARGV[2], 'added', ARGV[1])
  if type(added) == 'table' and added.err then redis.call('DEL', KEYS[2]) end
end
return 1
"""

# KEYS[1] the set, KEYS[2] the new one, built beside it, KEYS[3] the stream; ARGV: how many totals the new one must have, its
# next offset.
# Answers 0 where the new one lost members meanwhile (a flush in mid-build), 1 where it or something newer is in place.
# The stream stays only where the new set stands where the old one stood: else its last entry does not lead here.
# PERSIST: the new set was built with a time to live, which RENAME keeps.
REPLACE_SCRIPT = """
if redis.call('ZCARD', KEYS[2]) ~= tonumber(ARGV[1]) then
  redis.call('DEL', KEYS[2])
  return 0
end
local current = redis.call('ZSCORE', KEYS[1], 'next_offset')
if current and tonumber(current) > tonumber(ARGV[2]) then
  redis.call('DEL', KEYS[2])
  return 1
end
redis.call('ZADD', KEYS[2], ARGV[2], 'next_offset')
redis.call('RENAME', KEYS[2], KEYS[1])
redis.call('PERSIST', KEYS[1])
if not current or tonumber(current) < tonumber(ARGV[2]) then redis.call('DEL', KEYS[3]) end
return 1
"""


@dataclass(frozen=True)
class PartitionTotals:
    """What one batch, or a rebuild, says of one partition: ``totals`` maps an ad's id to its clicks, absolute.

    A batch's totals are those that changed since ``since_offset``; ``added`` is what it added to them.
    """

    topic_id: str
    partition: int
    next_offset: int
    totals: Mapping[str, int]
    since_offset: int = 0
    added: Mapping[str, int] = field(default_factory=dict)


def key(topic_id: str, partition: int) -> str:
    """The sorted set of a partition."""
    return f"adclicks:totals:{topic_id}:{partition}"


def changes_key(topic_id: str, partition: int) -> str:
    """The stream of a partition."""
    return f"{{{key(topic_id, partition)}}}:changes"


def building_key(topic_id: str, partition: int, builder: str) -> str:
    """Where ``builder`` builds a partition's new set."""
    return f"{{{key(topic_id, partition)}}}:building:{builder}"


def encode_added(added: Mapping[str, int]) -> bytes:
    """As a stream's entry holds it."""
    return msgspec.json.encode(added)


def decode_added(encoded: bytes) -> dict[str, int]:
    """Raises ``msgspec.DecodeError`` for what is no such thing."""
    return _decode_added(encoded)


def update_arguments(update: PartitionTotals) -> list[str | int]:
    """``UPDATE_SCRIPT``'s arguments after the first, ``encode_added``'s."""
    arguments: list[str | int] = [update.since_offset, update.next_offset]
    for ad_id, clicks in update.totals.items():
        arguments += (clicks, ad_id)
    return arguments


def follow(entries: Iterable[tuple[bytes, Mapping[bytes, bytes]]], since: int, until: int) -> dict[str, int] | None:
    """What the ``entries`` of a stream added to each ad from offset ``since`` to ``until``; None where they have a gap.

    Raises ``msgspec.DecodeError``, ``KeyError`` or ``ValueError`` for an entry that is none of ours.
    """
    added: dict[str, int] = {}
    reached = since
    for entry_id, fields in entries:
        if int(fields[SINCE]) != reached:
            return None
        reached = int(entry_id.partition(b"-")[0])
        for ad_id, clicks in decode_added(fields[ADDED]).items():
            added[ad_id] = added.get(ad_id, 0) + clicks
    return added if reached == until else None


def add_up(sets: Iterable[Iterable[tuple[bytes, float]]]) -> dict[str, int]:
    """Totals by ad from the members and scores of each partition's set."""
    totals: dict[str, int] = {}
    for members in sets:
        for member, score in members:
            if member != NEXT_OFFSET:
                ad_id = member.decode()
                totals[ad_id] = totals.get(ad_id, 0) + int(score)
    return totals


_decode_added = msgspec.json.Decoder(dict[str, int]).decode
