"""An outage of Kafka does not fill the log."""

import logging

from adclicks.kafka_log import REPEAT_SECONDS, OnceInAWhile, log_of_clients

REFUSED = "FAIL [adclicks-ingest#producer-{}] [thrd:b:1/bootstrap]: b:1/bootstrap: Connect failed (after {}ms in state CONNECT)"


def record(text: str) -> logging.LogRecord:
    """As the library's callback makes it."""
    return logging.LogRecord("kafka", logging.ERROR, "", 0, text, (), None)


def test_what_repeats_is_let_through_once_in_a_while() -> None:
    """However long the try took, and whichever client it was; another message at once."""
    now = 0.0
    subject = OnceInAWhile(clock=lambda: now)

    assert subject.filter(record(REFUSED.format(1, 0)))
    assert not subject.filter(record(REFUSED.format(4, 21)))
    assert subject.filter(record("authentication failed"))
    now = REPEAT_SECONDS
    assert subject.filter(record(REFUSED.format(1, 3)))


def test_what_it_remembers_is_bounded() -> None:
    """Messages that never repeat all come through."""
    subject = OnceInAWhile(clock=lambda: 0.0)

    assert all(subject.filter(record(f"message {letter}" * letter)) for letter in range(1, 1_000))
    assert len(subject._last) <= 200


def test_all_clients_share_it() -> None:
    """A producer that is replaced again and again, too."""
    log_of_clients()
    logger = log_of_clients()

    assert [type(found) for found in logger.filters] == [OnceInAWhile]
