"""What Kafka's client library logs, without its repetitions (pure)."""

import logging
import re
import time
from collections.abc import Callable

REPEAT_SECONDS = 30.0
_TEXTS_MAX = 200
# "(after 3ms in state CONNECT)", "#consumer-4": not what tells one message from another.
_VARYING = re.compile(r"\d+ms|#[a-z]+-\d+")


class OnceInAWhile(logging.Filter):
    """Lets a message through once in ``REPEAT_SECONDS``.

    While no broker answers, the library writes a line for each try to connect: 35 a second from one client of three brokers.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """False for what was let through a short time ago."""
        text = _VARYING.sub("", record.getMessage())
        now = self._clock()
        if now - self._last.get(text, -REPEAT_SECONDS) < REPEAT_SECONDS:
            return False
        if len(self._last) >= _TEXTS_MAX:
            self._last.clear()
        self._last[text] = now
        return True


def log_of_clients() -> logging.Logger:
    """The logger that all clients of this process share."""
    logger = logging.getLogger("kafka")
    if not any(isinstance(found, OnceInAWhile) for found in logger.filters):
        logger.addFilter(OnceInAWhile())
    return logger
