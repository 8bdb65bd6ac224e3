"""The listing is what a sort and one encoding of all rows would give, whatever changed in whatever order."""

import gzip
import json
import zlib
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import gzip_stream, listing
from analytics.counters import Counter, Counters
from analytics.listing import Change, Listing

IDS = st.integers(0, 25).map(lambda number: UUID(int=number * 2**97 + number))
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8) | st.sampled_from(
    ['a"},{"ad_id":"']
)
STEPS = st.lists(st.dictionaries(IDS, st.tuples(st.integers(0, 30), NAMES | st.none()), max_size=12), max_size=8)


def body(ads: dict[UUID, tuple[int, str]]) -> bytes:
    """What the answer has to be."""
    rows = sorted(ads.items(), key=lambda item: (-item[1][0], str(item[0])))
    data = [{"ad_id": str(ad), "name": name, "total_clicks": str(clicks)} for ad, (clicks, name) in rows]
    return json.dumps({"data": data}, separators=(",", ":"), ensure_ascii=False).encode()


@given(STEPS)
def test_it_is_always_what_encoding_all_anew_would_give(steps: list[dict[UUID, tuple[int, str | None]]]) -> None:
    """Plain and compressed, with the sizes that are told ahead; blocks are small here, so that all kinds of moves occur."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "BLOCK_ROWS", 4)
        found, ads = Listing(), dict[UUID, tuple[int, str]]()
        for step in steps:
            changes = []
            for ad, (clicks, name) in step.items():
                before = ads.get(ad)
                kept = name if name is not None or before is not None else "new"
                changes.append(Change(ad.bytes, before[0] if before else None, clicks, kept))
                ads[ad] = (clicks, kept if kept is not None else before[1] if before else "")
            found = found.apply(changes)
            plain, packed = found.plain(), found.gzip()
            chunks = list(packed.chunks)
            assert b"".join(plain.chunks) == gzip.decompress(b"".join(chunks)) == body(ads)
            assert (plain.size, packed.size, found.rows) == (len(body(ads)), sum(map(len, chunks)), len(ads))


def test_an_answer_that_is_being_sent_stays_what_it_was() -> None:
    """The next listing shares blocks with it, and changes none."""
    ad = UUID(int=7)
    first = Listing().apply([Change(ad.bytes, None, 1, "x")])
    sending = first.plain().chunks
    begun = next(sending)
    first.apply([Change(ad.bytes, 1, 2, None)])
    assert begun + b"".join(sending) == body({ad: (1, "x")})


def test_a_change_that_does_not_fit_is_an_error() -> None:
    """A row that is not where it should be would else be listed twice."""
    ad = UUID(int=7)
    with pytest.raises(KeyError):
        Listing().apply([Change(ad.bytes, None, 1, "x")]).apply([Change(ad.bytes, 5, 6, None)])


@given(st.lists(st.binary(max_size=300)))
def test_parts_make_one_gzip_stream_of_one_member(contents: list[bytes]) -> None:
    """Browsers read the first member of a gzip stream alone."""
    parts = [gzip_stream.pack(content) for content in contents]
    stream = gzip_stream.HEADER + b"".join(part.packed for part in parts) + gzip_stream.trailer(parts)
    member = zlib.decompressobj(31)
    assert member.decompress(stream) == b"".join(contents)
    assert (member.eof, member.unused_data) == (True, b"")
    assert [gzip_stream.unpack(part) for part in parts] == contents


@given(st.lists(st.tuples(st.binary(min_size=16, max_size=16) | IDS.map(lambda ad: ad.bytes), st.integers(0, 2**40))))
def test_counters_are_a_dictionary(puts: list[tuple[bytes, int]]) -> None:
    """Each ad's last value, and their sum."""
    counters, expected = Counters(), dict[bytes, Counter]()
    for ad, clicks in puts:
        counters.put(ad, Counter(clicks, clicks % 3 == 0))
        expected[ad] = Counter(clicks, clicks % 3 == 0)
    assert {ad: counters.get(ad) for ad, _ in puts} == expected
    assert counters.total == sum(counter.clicks for counter in expected.values())
    assert counters.get(b"not-there-------") is None


def test_an_id_is_not_found_across_two_entries() -> None:
    """One whose bytes are the end of another's clicks and the start of the next one's id."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analytics.counters._BUCKETS", 1)
        counters = Counters()
        counters.load(b"a" * 16 + (2).to_bytes(8, "big") + b"b" * 16 + (4).to_bytes(8, "big"))
        across = (2).to_bytes(8, "big") + b"b" * 8
        assert counters.get(across) is None
        counters.put(across, Counter(9, listed=True))
        assert [counters.get(ad) for ad in (b"a" * 16, b"b" * 16, across)] == [
            Counter(1, listed=False),
            Counter(2, listed=False),
            Counter(9, listed=True),
        ]
