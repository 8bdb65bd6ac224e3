"""What a publisher of clicks does: the same tests for the one on real Kafka and for the one that tests use instead."""

from collections.abc import AsyncIterator
from typing import Any, Protocol
from uuid import uuid4

import pytest

from adclicks.errors import Problem, retry_later
from adclicks.settings import read
from ingest.publisher import ClickPublisher, Publisher
from ingest.settings import IngestSettings
from testbed.installation import Installation
from testbed.polling import eventually_async
from testbed.publishers import MemoryPublisher

# How many clicks may wait.
ROOM = 100
TIMEOUT_SECONDS = 2


class Bench(Protocol):
    """A publisher, and the log behind it."""

    @property
    def publisher(self) -> ClickPublisher:
        """What is tested."""

    def break_down(self) -> None:
        """From now on the log can't be reached."""

    def settle(self) -> None:
        """What waits may be reported now."""

    def log(self) -> dict[str, bytes]:
        """Value by key; the log can be reached again."""


class MemoryBench:
    """The one without Kafka."""

    def __init__(self) -> None:
        self.publisher = MemoryPublisher(ROOM)
        self._is_there = True

    def break_down(self) -> None:
        """It takes nothing any more."""
        self._is_there = False

    def settle(self) -> None:
        """At once."""
        while self.publisher.waiting:
            if self._is_there:
                self.publisher.acknowledge(1)
            else:
                self.publisher.fail(retry_later("Kafka did not acknowledge the click in time."))

    def log(self) -> dict[str, bytes]:
        """What was acknowledged."""
        return dict(self.publisher.log)


class KafkaBench:
    """The real one."""

    def __init__(self, installation: Installation, publisher: Publisher) -> None:
        self.publisher = publisher
        self._installation = installation
        self._is_there = True

    def break_down(self) -> None:
        """Kafka stops."""
        self._installation.infra.kafka.stop()
        self._is_there = False

    def settle(self) -> None:
        """By itself, in time."""

    def restore(self) -> None:
        """Kafka starts again."""
        if not self._is_there:
            self._installation.infra.kafka.start()
            self._is_there = True

    def log(self) -> dict[str, bytes]:
        """The topic."""
        self.restore()
        records = [(message.key(), message.value()) for message in self._installation.records()]
        return {key.decode(): value for key, value in records if isinstance(key, bytes) and isinstance(value, bytes)}


@pytest.fixture(params=["memory", "kafka"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """Both kinds."""
    if request.param == "memory":
        yield MemoryBench()
        return
    installation: Installation = request.getfixturevalue("installation")
    own = {"KAFKA_ACK_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS), "KAFKA_QUEUE_CLICKS": str(ROOM)}
    publisher = Publisher(read(IngestSettings, {**installation.environment, **own}))
    publisher.start()
    kafka = KafkaBench(installation, publisher)
    yield kafka
    kafka.restore()
    await publisher.close()


class Reports:
    """What was reported, by key."""

    def __init__(self) -> None:
        self.by_key: dict[str, list[Problem | None]] = {}

    def expect(self, key: str) -> Any:
        """The callback for ``key``."""
        self.by_key[key] = []
        return self.by_key[key].append

    async def all(self, bench: Bench) -> list[Problem | None]:
        """Waits for a report of each; asserts that there is one of each and no more."""
        bench.settle()

        def look() -> list[Problem | None]:
            assert [reports for reports in self.by_key.values() if len(reports) != 1] == []
            return [reports[0] for reports in self.by_key.values()]

        return await eventually_async(look)


def send(bench: Bench, count: int) -> tuple[dict[str, bytes], Reports]:
    """``count`` different clicks; none is reported while it is handed over."""
    reports, sent = Reports(), {}
    for number in range(count):
        key = str(uuid4())
        sent[key] = b"value %d" % number
        bench.publisher.publish(key, sent[key], reports.expect(key))
        assert reports.by_key[key] == []
    return sent, reports


async def test_a_click_is_reported_once_when_the_log_has_it(bench: Bench) -> None:
    """Each by itself, under its key, as it was given."""
    sent, reports = send(bench, 20)

    assert await reports.all(bench) == [None] * 20

    log = bench.log()
    assert {key: log.get(key) for key in sent} == sent


async def test_a_click_too_many_is_refused_at_once(bench: Bench) -> None:
    """With 503 and the time for a retry, and never reported; those that wait are reported, and then there is room again."""
    sent, reports = send(bench, ROOM)
    with pytest.raises(Problem) as caught:
        bench.publisher.publish("refused", b"one more", reports.expect("never"))

    assert (caught.value.status, caught.value.retry_after_seconds) == (503, 1)
    assert reports.by_key.pop("never") == []
    assert await reports.all(bench) == [None] * ROOM
    later, later_reports = send(bench, 5)
    assert await later_reports.all(bench) == [None] * 5
    assert (sent | later).items() <= bench.log().items()


async def test_a_click_that_the_log_can_t_take_is_reported_with_503(bench: Bench) -> None:
    """Each once; and once the log is there again clicks are taken by the same publisher."""
    bench.break_down()
    lost, reports = send(bench, 10)

    problems = await reports.all(bench)

    assert {problem.status if problem else None for problem in problems} == {503}
    assert all(problem is not None and problem.retry_after_seconds for problem in problems)
    assert lost.keys().isdisjoint(bench.log())
