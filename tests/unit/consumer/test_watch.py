"""When the pool's parent replaces a worker, and when it leaves it alone."""

import pytest

from adclicks.settings import read
from consumer.progress import Look, WorkerState
from consumer.settings import ConsumerSettings
from consumer.watch import ProgressWatch


class Pool:
    """One worker, which has partition 0 and stores nothing."""

    def __init__(self) -> None:
        self.replaced: list[int] = []

    def states(self) -> list[WorkerState]:
        """See ``consumer.watch.Pool``."""
        return [WorkerState(0, -1_000.0, frozenset({0}), writing=False)]

    def replace(self, index: int) -> None:
        """See ``consumer.watch.Pool``."""
        self.replaced.append(index)


@pytest.mark.parametrize(("took_seconds", "replaced"), [(0.1, [0]), (3.0, [])], ids=["at once", "slowly"])
def test_answers_that_come(monkeypatch: pytest.MonkeyPatch, took_seconds: float, replaced: list[int]) -> None:
    """Kafka and PostgreSQL that answer slowly explain by themselves why records wait: no worker is to blame."""
    monkeypatch.setattr("consumer.watch.Counter", lambda *_: type("Counted", (), {"inc": lambda _self: None})())
    pool = Pool()
    environment = {"KAFKA_ADDRESS": "k:1", "DB_HOST": "p", "DB_USER": "u", "DB_PASSWORD": "p", "REDIS_ADDR": "r:1"}
    subject = ProgressWatch(read(ConsumerSettings, environment), pool)

    for now in range(0, 20, 2):
        subject._succeed(Look(float(now), {0: 10}, {0: 4}), took_seconds)

    assert pool.replaced == replaced
