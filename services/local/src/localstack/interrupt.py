"""Ctrl-C and SIGTERM: the first one ends the run, further ones don't disturb the end."""

import signal
from types import FrameType


class Interrupted(BaseException):
    """Raised in the main thread by the first signal."""


class SignalGate:
    """Raises ``Interrupted`` once."""

    def __init__(self) -> None:
        """Not installed yet."""
        self._open = True

    def install(self) -> None:
        """For SIGINT, SIGTERM, and SIGHUP (the terminal was closed)."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._handle)

    def close(self) -> None:
        """From now on signals are ignored: the end has begun."""
        self._open = False

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self._open:
            self.close()
            raise Interrupted
