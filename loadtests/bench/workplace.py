"""What the figures share: the servers, how much is measured, and the long history, which is made once."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from bench import history
from bench.pipeline import PARTITIONS, Pipeline
from bench.process import Runner
from bench.sizes import Sizes
from localstack.guardian import Guardian
from localstack.stack import InfraStack


@dataclass
class Workplace:
    """``say``: tells the user what is being done. ``ingest_workers`` where nothing is pinned; ``consumer_workers``: which
    sizes of the pool are tried."""

    infra: InfraStack
    runner: Runner
    sizes: Sizes
    ingest_workers: int
    consumer_workers: tuple[int, ...]
    say: Callable[[str], None]
    ends: ExitStack
    # Microseconds of CPU that a click costs each part, as fast as it goes and paced; filled by P1 and P7.
    costs: dict[str, dict[str, float]] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=count)
    _with_history: Pipeline | None = None

    def pipeline(self, topic: str | None = None, partitions: int = PARTITIONS) -> Pipeline:
        """A new one, on an empty store. ``topic``: one that has a backlog, of ``partitions`` partitions."""
        return Pipeline(self.infra, self.runner, next(self._numbers), topic, partitions)

    def with_history(self) -> Pipeline:
        """The one with the long history. Raises ``NotMeasured`` where the disk is too small."""
        if self._with_history is None:
            pipeline = self.ends.enter_context(self.pipeline())
            self.say(f"making {self.sizes.history:,} clicks of history")
            history.fill(pipeline.connect, self.sizes.history, self.now().date(), self.infra.postgres.data)
            self._with_history = pipeline
        return self._with_history

    @staticmethod
    def now() -> datetime:
        """The time, aware."""
        return datetime.now(UTC)


@contextmanager
def opened(
    sizes: Sizes, ingest_workers: int, consumer_workers: tuple[int, ...], say: Callable[[str], None]
) -> Iterator[Workplace]:
    """One on servers of its own, which end with it. Raises ``StartError``."""
    with ExitStack() as ends:
        say("starting Kafka, PostgreSQL and Valkey")
        infra = ends.enter_context(InfraStack())
        guardian = Guardian()
        ends.callback(guardian.close)
        logs = infra.folder / "bench"
        logs.mkdir()
        yield Workplace(infra, Runner(guardian, logs), sizes, ingest_workers, consumer_workers, say, ends)
