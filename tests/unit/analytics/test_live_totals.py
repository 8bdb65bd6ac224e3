"""When Redis is believed."""

from adclicks.totals_cache import NEXT_OFFSET
from analytics.live_totals import believed

_LEDGER = {("topic", 0): 10, ("topic", 1): 0}
_AD = b"44bb7845-5133-4d7e-bfc4-30747fe38f1d"


def test_complete_sets_as_new_as_the_ledger_are_added_up() -> None:
    """Or newer ones: the consumer has gone on since the ledger was read."""
    sets = [[(_AD, 7.0), (NEXT_OFFSET, 10.0)], [(_AD, 2.0), (NEXT_OFFSET, 3.0)]]
    assert believed(_LEDGER, sets) == {_AD.decode(): 9}


def test_a_set_older_than_the_ledger_is_not_believed() -> None:
    """A write that was lost, or is on its way; one restored from an old snapshot."""
    assert believed(_LEDGER, [[(_AD, 7.0), (NEXT_OFFSET, 9.0)], [(NEXT_OFFSET, 0.0)]]) is None


def test_an_incomplete_set_is_not_believed() -> None:
    """After a flush the consumer's next write alone would be far too little."""
    assert believed(_LEDGER, [[(_AD, 7.0)], [(NEXT_OFFSET, 0.0)]]) is None
    assert believed(_LEDGER, [[(NEXT_OFFSET, 10.0)], []]) is None
