"""Which faults are tried (pure): chosen at random, the same again for the same seed."""

import math
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Setup:
    """A kind of installation: how many brokers, and the protocol of the consumer group."""

    brokers: int
    protocol: str

    @property
    def name(self) -> str:
        """As the table has it."""
        return f"{self.brokers} broker{'s' if self.brokers > 1 else ''}, {self.protocol}"


@dataclass(frozen=True)
class Fault:
    """``kind``: freeze (SIGSTOP, SIGCONT) or kill (SIGKILL, start); of the brokers with these numbers, for ``seconds``."""

    kind: str
    seconds: float
    brokers: tuple[int, ...]


SETUPS = tuple(Setup(brokers, protocol) for brokers in (1, 3) for protocol in ("consumer", "classic"))


def share(total: int, parts: int) -> list[int]:
    """``total`` in ``parts`` whole numbers, as equal as can be."""
    return [total // parts + (part < total % parts) for part in range(parts)]


def faults(setup: Setup, freezes: int, kills: int, seconds: tuple[float, float], random: Random) -> list[Fault]:
    """In random order. How long they last is spread evenly over its logarithm: short ones are as likely as long ones."""
    shortest, longest = (math.log(bound) for bound in seconds)
    kinds = ["freeze"] * freezes + ["kill"] * kills
    random.shuffle(kinds)
    return [
        Fault(
            kind,
            math.exp(random.uniform(shortest, longest)),
            tuple(sorted(random.sample(range(setup.brokers), random.randint(1, setup.brokers)))),
        )
        for kind in kinds
    ]
