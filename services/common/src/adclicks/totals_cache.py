"""The live totals in Redis: what the keys hold, and when a reader may believe them.

A sorted set a Kafka partition: member = an ad's id, score = the ad's total from that partition, absolute, never an
increment. One more member, ``NEXT_OFFSET``, has as its score the ledger's next offset that the totals belong to. It is
written with the totals or not at all, so:

- a lost, late or repeated write heals itself: scores only grow (``ZADD … GT``);
- a flushed, evicted or half-written set lacks ``NEXT_OFFSET`` and is not believed;
- a set restored from an old snapshot has an old ``NEXT_OFFSET``: the reader, who knows the ledger, sees that, and the
  next batch's totals are not put on top of it.

Scores are doubles: exact up to 2^53.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

NEXT_OFFSET = b"next_offset"

# KEYS[1] the set; ARGV: the offset that it must have reached, the next offset, then score, member, score, member …
# Answers 0, and writes nothing, where the set is not complete, or is older: then all its totals have to be written anew.
UPDATE_SCRIPT = """
local current = redis.call('ZSCORE', KEYS[1], 'next_offset')
if not current or tonumber(current) < tonumber(ARGV[1]) then return 0 end
local from = 3
while from <= #ARGV do
  local to = math.min(from + 3999, #ARGV)
  redis.call('ZADD', KEYS[1], 'GT', unpack(ARGV, from, to))
  from = to + 1
end
redis.call('ZADD', KEYS[1], 'GT', ARGV[2], 'next_offset')
return 1
"""

# KEYS[1] the set, KEYS[2] the new one, built beside it; ARGV: how many totals the new one must have, its next offset.
# Answers 0 where the new one lost members meanwhile (a flush in mid-build), 1 where it or something newer is in place.
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
return 1
"""


@dataclass(frozen=True)
class PartitionTotals:
    """What one batch, or a rebuild, says of one partition: ``totals`` maps an ad's id to its clicks, absolute.

    A batch's totals are those that changed since ``since_offset``.
    """

    topic_id: str
    partition: int
    next_offset: int
    totals: Mapping[str, int]
    since_offset: int = 0


def key(topic_id: str, partition: int) -> str:
    """The sorted set of a partition."""
    return f"adclicks:totals:{topic_id}:{partition}"


def update_arguments(update: PartitionTotals) -> list[str | int]:
    """``UPDATE_SCRIPT``'s arguments."""
    arguments: list[str | int] = [update.since_offset, update.next_offset]
    for ad_id, clicks in update.totals.items():
        arguments += (clicks, ad_id)
    return arguments


def add_up(sets: Iterable[Iterable[tuple[bytes, float]]]) -> dict[str, int]:
    """Totals by ad from the members and scores of each partition's set."""
    totals: dict[str, int] = {}
    for members in sets:
        for member, score in members:
            if member != NEXT_OFFSET:
                ad_id = member.decode()
                totals[ad_id] = totals.get(ad_id, 0) + int(score)
    return totals
