"""Answers that stay true for a little while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Keeps up to `most` answers for `seconds` each; the oldest go first, so that strangers can't fill the memory."""

    def __init__(self, seconds: float, most: int, clock: Callable[[], float]) -> None:
        self._seconds, self._most, self._clock = seconds, most, clock
        self._kept: OrderedDict[K, tuple[float, V]] = OrderedDict()

    async def get(self, key: K, ask: Callable[[K], Awaitable[V]]) -> V:
        """The kept answer, or a new one; an error is not kept."""
        kept = self._kept.get(key)
        if kept is not None and self._clock() - kept[0] < self._seconds:
            return kept[1]
        answer = await ask(key)
        self._kept.pop(key, None)
        self._kept[key] = (self._clock(), answer)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return answer
