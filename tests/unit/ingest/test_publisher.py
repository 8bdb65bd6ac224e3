"""The publisher goes on whatever its producer does; the real client is used, on addresses where nobody listens."""

import asyncio
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from adclicks.errors import Problem
from adclicks.settings import read
from ingest.publisher import Publisher
from ingest.settings import IngestSettings
from testbed.polling import eventually_async

SETTINGS = read(IngestSettings, {"KAFKA_ADDRESS": "127.0.0.1:1", "KAFKA_ACK_TIMEOUT_SECONDS": "1"})


class Broken(Producer):  # type: ignore[misc]
    """As librdkafka behaves after a fatal error: poll() raises it, produce() refuses."""

    def poll(self, _timeout: float | None = None) -> int:
        """Raises the reason."""
        raise KafkaException(KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED, "no permission", True))

    def produce(self, *_args: Any, **_options: Any) -> None:
        """Says no more than that it can't."""
        raise KafkaException(KafkaError(KafkaError._FATAL, "Local: Fatal error"))


class Makes:
    """Producers of these classes, one after the other; then plain ones."""

    def __init__(self, *classes: type[Producer]) -> None:
        self._classes = list(classes)
        self.made = 0

    def __call__(self, config: dict[str, object]) -> Producer:
        self.made += 1
        make = self._classes.pop(0) if self._classes else Producer
        return make({**config, "log_level": 0})


async def test_an_idle_producer_that_breaks_is_replaced() -> None:
    """Nobody has sent a click: its error is fetched all the same, told, and a producer made anew."""
    makes = Makes(Broken, Broken)
    publisher = Publisher(SETTINGS, makes)
    publisher.start()

    def is_replaced() -> None:
        assert publisher.replaced_broken == 2

    await eventually_async(is_replaced)
    assert "no permission" in (await publisher.unavailable() or "")
    assert makes.made == 3
    await publisher.close()


async def test_clicks_at_a_broken_producer_get_503() -> None:
    """At once, with the time for a retry."""
    publisher = Publisher(SETTINGS, Makes(Broken))
    publisher.start()

    with pytest.raises(Problem) as caught:
        publisher.publish("key", b"value", lambda _: None)

    assert (caught.value.status, caught.value.retry_after_seconds) == (503, 1)
    await publisher.close()


async def test_polling_goes_on_after_an_exception() -> None:
    """One that waits has failed in its own way, in the middle of the reports: all others get theirs."""
    publisher = Publisher(SETTINGS, Makes())
    publisher.start()
    raised: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context["exception"]))
    reports: list[Problem | None] = []

    def fail(_problem: Problem | None) -> None:
        raise RuntimeError("the connection is in a strange state")

    for number in range(20):
        publisher.publish(str(number), b"value", fail if number % 5 == 0 else reports.append)

    def all_are_reported() -> None:
        assert (len(reports), len(raised), publisher.in_flight) == (16, 4, 0)

    await eventually_async(all_are_reported)
    assert {report.status for report in reports if report} == {503}
    await publisher.close()


async def test_a_producer_that_gets_nowhere_is_replaced_while_clicks_time_out() -> None:
    """Each click is answered 503 within its time, also those that wait while the producer is replaced."""
    publisher = Publisher(SETTINGS, Makes())
    publisher.start()
    reports: list[Problem | None] = []
    sent = 0

    def is_replaced() -> None:
        nonlocal sent
        publisher.publish(str(sent), b"value", reports.append)
        sent += 1
        assert publisher.replaced_stalled == 1

    await eventually_async(is_replaced)
    await publisher.close()
    assert len(reports) == sent
    assert {report.status for report in reports if report} == {503}
