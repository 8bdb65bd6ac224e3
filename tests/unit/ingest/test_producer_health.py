"""A producer is replaced when it is broken, or when nothing succeeds for long while clicks time out; and not more often."""

from itertools import pairwise
from random import Random

from adclicks.backoff import Backoff
from ingest.producer_health import ProducerHealth

STALL_SECONDS = 10.0


def health() -> ProducerHealth:
    """Replacements at least 0.25 s and at most 4 s apart."""
    return ProducerHealth(STALL_SECONDS, Backoff(first_seconds=0.5, limit_seconds=4.0), Random(1))


def test_a_producer_that_works_is_left_alone() -> None:
    """Also one whose clicks time out now and then, and one that nobody uses."""
    producer = health()
    assert producer.due(1e6) is None
    for second in range(1000):
        producer.failed(3, second)
        producer.succeeded(3)
        assert producer.due(second) is None
    assert producer.problem(1000) is None


def test_a_broken_producer_is_replaced_at_once_and_told_until_its_successor_is_proven() -> None:
    """With the reason; a click that Kafka acknowledges proves it at once, three seconds without a fatal error in the end."""
    producer = health()
    producer.broke("no permission")
    assert (producer.due(100.0), producer.problem(100.0)) == ("no permission", "no permission")
    producer.replaced(100.0)
    assert (producer.due(100.1), producer.problem(102.9), producer.problem(103.1)) == (None, "no permission", None)
    producer.succeeded(None)
    assert producer.problem(102.9) == "no permission"
    producer.succeeded(0)
    assert (producer.problem(102.9), producer.attempts, producer.in_doubt) == (None, 0, False)


def test_replacements_that_break_again_become_rare_but_never_stop() -> None:
    """Never less than 125 ms apart, at most 4 s: what was missing is noticed soon after it is there."""
    producer, now, at = health(), 0.0, []
    while now < 600:
        producer.broke("no permission")
        if producer.due(now):
            producer.replaced(now)
            at.append(now)
        now += 0.05
    gaps = [later - earlier for earlier, later in pairwise(at)]
    assert min(gaps) >= 0.125
    assert max(gaps) <= 4.1
    assert len(at) < 400


def test_a_stalled_producer_is_replaced_after_the_limit() -> None:
    """Clicks time out and none succeeds; a success of that partition in between starts the time anew."""
    producer = health()
    producer.failed(2, 0.0)
    producer.failed(2, 9.0)
    assert producer.due(9.9) is None
    producer.succeeded(2)
    producer.failed(2, 12.0)
    assert producer.due(21.9) is None
    assert "no success for 10 s" in (producer.due(22.0) or "")


def test_one_partition_alone_can_stall_it() -> None:
    """The others' successes are none of it."""
    producer = health()
    producer.failed(2, 0.0)
    for second in range(11):
        producer.succeeded(1)
        assert (producer.due(second) is None) == (second < 10)


def test_in_an_outage_producers_are_replaced_at_a_bounded_rate() -> None:
    """After 10, 20 and then every 40 s; the first success starts from the beginning."""
    producer, at = health(), []
    for second in range(400):
        producer.failed(None, second)
        if producer.due(second):
            producer.replaced(second)
            at.append(second)
    assert at[:4] == [10, 31, 72, 113]
    producer.succeeded(None)
    producer.failed(0, 500.0)
    assert producer.due(510.0) is not None
