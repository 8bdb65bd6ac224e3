"""What all that runs here has in common: a folder, a port, a start that waits for an answer."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from localstack.child import Child, Program
from localstack.guardian import Guardian


class Server(ABC):
    """Kafka, PostgreSQL, Valkey, or a service of ours, on 127.0.0.1.

    ``start`` again after ``stop`` or ``kill``: same port, same data.
    """

    start_timeout_seconds: ClassVar[float]

    def __init__(self, name: str, folder: Path, port: int, log: Path, guardian: Guardian) -> None:
        """``folder`` keeps its data and is made when missing."""
        self.name = name
        self.folder = folder
        self.port = port
        self.log = log
        self._guardian = guardian
        self._child: Child | None = None

    @property
    def child(self) -> Child:
        """The running process. Raises ``RuntimeError`` before the first start."""
        if self._child is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._child

    def start(self, report: Callable[[str], None] = lambda _: None) -> None:
        """Returns when it is ready; ``report`` is told why it is not, where that takes long.

        Raises ``StartError`` with the reason and the end of its log.
        """
        self.spawn()
        self.child.wait_until(self.problem, self.start_timeout_seconds, report)
        self._finish_start()

    def problem(self) -> str | None:
        """Why it can't be used now; None where it can."""
        return None if self._answers() else "it does not answer"

    def spawn(self) -> None:
        """Starts it and does not wait. Raises ``StartError`` when that can't even be tried."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._prepare()
        self._child = Child(self._program(), self._guardian)

    def stop(self) -> None:
        """Ends it in order; nothing when it is not there."""
        if self._child:
            self._child.stop()

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self._child:
            self._child.kill()

    def erase(self) -> None:  # noqa: B027 - only PostgreSQL has any
        """Removes data that lies outside of ``folder``; most have none."""

    def environment(self) -> Mapping[str, str]:
        """The variables by which others find it."""
        return {}

    def _prepare(self) -> None:  # noqa: B027 - not every server has something to make first
        """Makes its data folder the first time."""

    def _finish_start(self) -> None:  # noqa: B027 - as above
        """What is left to do once it answers."""

    @abstractmethod
    def _program(self) -> Program: ...

    def _answers(self) -> bool:
        """Whether it is ready; a server that knows why it is not has a ``problem`` of its own instead."""
        raise NotImplementedError
