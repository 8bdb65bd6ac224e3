"""What the APIs need to know of LagAutoscalers, whether the operator looks after them or a file has the one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from lagscaler.resources import Identity
from lagscaler.scaler import Scaler


class Numbered(Protocol):
    """One LagAutoscaler."""

    identity: Identity
    scaler: Scaler | None

    async def desired(self) -> int:
        """Raises `NoNumberError`."""


class Numbers(Protocol):
    """All of them."""

    def find(self, namespace: str, name: str) -> Numbered | None:
        """The one, or None."""

    def __iter__(self) -> Iterator[Numbered]:
        """Each of them."""
