"""What is shown while things start: a tick and the seconds for each step; on a terminal also what goes on now."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.status import Status


class Steps:
    """Prints to ``console``; without a terminal a plain line a step."""

    def __init__(self, console: Console) -> None:
        """Prints nothing yet."""
        self._console = console
        self._status: Status | None = None

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Ticks ``title`` when the block ends well."""
        start = time.monotonic()
        with self.busy(title):
            yield
        self.tick(title, time.monotonic() - start)

    @contextmanager
    def busy(self, title: str) -> Iterator[None]:
        """Shows ``title`` while the block runs."""
        if not self._console.is_terminal:
            yield
            return
        with self._console.status(f"{escape(title)} …") as self._status:
            yield
        self._status = None

    def note(self, text: str) -> None:
        """Replaces what goes on now."""
        if self._status:
            self._status.update(f"{escape(text)} …")

    def tick(self, title: str, seconds: float) -> None:
        """A step that is done."""
        self._console.print(f"[green]✓[/green] {escape(title):<58} [dim]{seconds:5.1f} s[/dim]", highlight=False)

    def say(self, text: str, style: str = "") -> None:
        """A message, as it is."""
        self._console.print(escape(text), style=style, highlight=False, soft_wrap=True)
