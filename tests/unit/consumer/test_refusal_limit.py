"""Beyond which point refused rows are no longer taken for bad clicks."""

import pytest

from consumer.refusal_limit import WINDOW_ROWS, RefusalLimit, RefusalLimitExceeded

GOOD, BAD = False, True


def test_as_many_in_a_row_as_allowed_pass_and_one_more_does_not() -> None:
    """Across batches; a row that is stored begins anew."""
    limit = RefusalLimit(max_ratio=0, max_consecutive=3)
    limit.check([BAD, BAD, BAD, GOOD, BAD])
    limit.record([BAD, BAD, BAD, GOOD, BAD])

    limit.check([BAD, BAD])
    with pytest.raises(RefusalLimitExceeded, match="CONSUMER_DEAD_LETTER_MAX_CONSECUTIVE"):
        limit.check([BAD, BAD, BAD, GOOD])

    limit.record_stored(1)
    limit.check([BAD, BAD, BAD])


def test_a_check_alone_changes_nothing() -> None:
    """What was not taken in is checked again as often as it is tried."""
    limit = RefusalLimit(max_ratio=0, max_consecutive=2)
    for _ in range(5):
        with pytest.raises(RefusalLimitExceeded):
            limit.check([BAD] * 3)

    limit.check([BAD] * 2)


def test_the_ratio_is_taken_over_the_last_rows_and_not_over_few() -> None:
    """One refused row of one is no reason to halt; a tenth more than allowed of a thousand is."""
    limit = RefusalLimit(max_ratio=0.5, max_consecutive=0)
    limit.check([BAD] * (WINDOW_ROWS - 1))
    limit.check([BAD, GOOD] * WINDOW_ROWS)
    with pytest.raises(RefusalLimitExceeded, match="CONSUMER_DEAD_LETTER_MAX_RATIO"):
        limit.check([BAD, GOOD, BAD] * WINDOW_ROWS)


def test_long_past_rows_do_not_make_up_for_present_ones() -> None:
    """After millions of good clicks a fault of the database is seen within a window."""
    limit = RefusalLimit(max_ratio=0.5, max_consecutive=0)
    for _ in range(100):
        limit.record_stored(10 * WINDOW_ROWS)
    for _ in range(20):
        limit.record_stored(WINDOW_ROWS // 10)

    with pytest.raises(RefusalLimitExceeded):
        limit.check([BAD] * (WINDOW_ROWS * 2))


def test_zero_is_no_limit() -> None:
    """For those who want everything in the dead-letter topic."""
    limit = RefusalLimit(max_ratio=0, max_consecutive=0)
    limit.check([BAD] * 100_000)
