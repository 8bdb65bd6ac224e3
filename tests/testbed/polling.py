"""Waiting for a condition, with a bound."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
POLL_SECONDS = 0.05
# A bound, not a wait: generous, because a machine that runs the tests may be busy with other things.
PATIENCE_SECONDS = 100.0


def eventually(assertion: Callable[[], T], timeout_seconds: float = PATIENCE_SECONDS) -> T:
    """Calls ``assertion`` until it holds, and returns what it returns; after the bound its ``AssertionError`` is raised."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            return assertion()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        time.sleep(POLL_SECONDS)


async def eventually_async(assertion: Callable[[], T], timeout_seconds: float = PATIENCE_SECONDS) -> T:
    """The same where the condition needs the event loop to go on meanwhile."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            return assertion()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(POLL_SECONDS)
