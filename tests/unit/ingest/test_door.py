"""The door that each click goes through: checked, stamped, handed to Kafka; and told when Kafka has it."""

from datetime import UTC, datetime, timedelta

import pytest

from adclicks.click import decode_event
from adclicks.errors import Problem, retry_later
from ingest.door import Door
from testbed.clicks import EXAMPLE, encode
from testbed.publishers import MemoryPublisher

NOW = datetime(2025, 9, 7, 12, 0, tzinfo=UTC)


class Heard:
    """What was reported."""

    def __init__(self) -> None:
        self.reports: list[Problem | None] = []

    def __call__(self, problem: Problem | None) -> None:
        self.reports.append(problem)


def door(publisher: MemoryPublisher) -> Door:
    """With a clock that stands still."""
    return Door(publisher, timedelta(hours=24), clock=lambda: NOW)


def test_a_click_is_stamped_and_reported_when_kafka_has_it() -> None:
    """Not before; keyed by its id."""
    publisher, heard = MemoryPublisher(), Heard()
    door(publisher).take(encode(EXAMPLE), "192.0.2.7", heard)
    assert heard.reports == []

    publisher.acknowledge_all()

    assert heard.reports == [None]
    ((key, value),) = publisher.log
    assert key == EXAMPLE["clickId"]
    event = decode_event(value)
    assert (event.received_at, event.peer) == (NOW, "192.0.2.7")


def test_an_invalid_click_reaches_nobody() -> None:
    """The problem is raised, and nothing is reported."""
    publisher, heard = MemoryPublisher(), Heard()
    late = encode({**EXAMPLE, "timestamp": (NOW + timedelta(hours=24, microseconds=1)).isoformat()})
    for body in (b"", late):
        with pytest.raises(Problem):
            door(publisher).take(body, "192.0.2.7", heard)
    publisher.acknowledge_all()

    assert (publisher.log, heard.reports) == ([], [])


def test_many_clicks_are_reported_once_after_the_last() -> None:
    """With nothing, where Kafka has all of them."""
    publisher, heard = MemoryPublisher(), Heard()
    door(publisher).take_checked([(str(number), encode(EXAMPLE)) for number in range(3)], "192.0.2.7", heard)
    publisher.acknowledge(2)
    assert heard.reports == []

    publisher.acknowledge(1)

    assert heard.reports == [None]
    assert len({decode_event(value).received_at for _, value in publisher.log}) == 1


def test_many_clicks_of_which_one_failed_are_reported_with_its_problem() -> None:
    """The first one's, and after the last: the client then sends all of them again."""
    publisher, heard = MemoryPublisher(), Heard()
    door(publisher).take_checked([(str(number), encode(EXAMPLE)) for number in range(4)], "192.0.2.7", heard)
    first, second = retry_later("first"), retry_later("second")
    publisher.acknowledge(1)
    publisher.fail(first)
    publisher.fail(second)
    assert heard.reports == []

    publisher.acknowledge(1)

    assert heard.reports == [first]


def test_many_clicks_that_don_t_all_fit_are_refused_at_once() -> None:
    """What was sent of them is reported to nobody."""
    publisher, heard = MemoryPublisher(room=2), Heard()
    with pytest.raises(Problem) as caught:
        door(publisher).take_checked([(str(number), encode(EXAMPLE)) for number in range(3)], "192.0.2.7", heard)
    publisher.acknowledge_all()

    assert caught.value.status == 503
    assert heard.reports == []
