"""What is measured, what it should be, and what the machine itself can do. Pure."""

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True)
class Target:
    """``at_least``: more is better; else less is."""

    value: float
    at_least: bool


class Limit(msgspec.Struct, frozen=True):
    """What the machine does without our code, measured in the same run, in the unit of the figure beside it."""

    name: str
    value: float


class Measurement(msgspec.Struct, frozen=True):
    """One line of the table. ``wrong``: what was not as it must be, such as a lost click; empty where all was right."""

    figure: str
    what: str
    value: float
    unit: str
    target: float
    at_least: bool
    limit: Limit | None = None
    wrong: str = ""

    @property
    def met(self) -> bool:
        """Whether the target is met, and nothing was wrong."""
        enough = self.value >= self.target if self.at_least else self.value <= self.target
        return enough and not self.wrong

    @property
    def share(self) -> float | None:
        """How much of the limit is reached: 1 is all that the machine can do. None without a limit."""
        if self.limit is None or not self.limit.value or not self.value:
            return None
        return self.value / self.limit.value if self.at_least else self.limit.value / self.value

    @property
    def key(self) -> str:
        """What names it in a record."""
        return f"{self.figure} {self.what}"


class NotMeasured(Exception):
    """A figure that can't be measured here; the text says why and what to do."""
