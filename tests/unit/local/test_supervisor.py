"""What dies is started again, after a pause that grows while it keeps dying."""

from collections.abc import Callable

import pytest

from localstack.child import StartError
from localstack.supervisor import GOOD_RUN_SECONDS, LONGEST_PAUSE_SECONDS, Watched, look_after, pause_seconds


class Process:
    """A process that lives or has ended."""

    def __init__(self) -> None:
        self.code: int | None = None

    def exit_code(self) -> int | None:
        """None while it lives."""
        return self.code

    def obituary(self) -> str:
        """As of a real one."""
        return f"it ended with exit code {self.code}"


class Service:
    """What a supervisor sees of a server."""

    def __init__(self) -> None:
        self.name = "consumer"
        self.child = Process()
        self.starts = 0

    def spawn(self) -> None:
        """A start that succeeds."""
        self.child = Process()
        self.starts += 1


@pytest.fixture
def service() -> Service:
    """It has just been started, at second 0."""
    return Service()


def rounds(one: Watched, spawn: Callable[[Service], None], times: list[float]) -> list[str]:
    """Looks after ``one`` at each of ``times``; returns what was reported."""
    said: list[str] = []
    for now in times:
        look_after(one, now, spawn, said.append)  # type: ignore[arg-type]  # has what a supervisor uses of a Server
    return said


def test_one_that_lives_is_left_alone(service: Service) -> None:
    """No start, no word."""
    assert rounds(Watched(service, 0.0), Service.spawn, [1.0, 2.0]) == []  # type: ignore[arg-type]  # as above
    assert service.starts == 0


def test_one_that_dies_is_named_and_started_after_its_pause(service: Service) -> None:
    """Not before the pause is over, and once."""
    one = Watched(service, 0.0)  # type: ignore[arg-type]  # as above
    service.child.code = 3
    assert rounds(one, Service.spawn, [10.0]) == ["it ended with exit code 3\n  It is started again in 1 s."]
    assert rounds(one, Service.spawn, [10.9]) == []
    assert rounds(one, Service.spawn, [11.0, 11.5]) == ["consumer was started again."]
    assert service.starts == 1


def test_one_that_keeps_dying_waits_longer_each_time(service: Service) -> None:
    """1, 2, 4 seconds; after a good run from 1 again."""
    one = Watched(service, 0.0)  # type: ignore[arg-type]  # as above
    pauses = []
    now = 0.0
    for ran_seconds in (0.0, 0.0, 0.0, GOOD_RUN_SECONDS + 1):
        now += ran_seconds
        service.child.code = 1
        rounds(one, Service.spawn, [now])
        assert one.restart_at is not None
        pauses.append(one.restart_at - now)
        now = one.restart_at
        rounds(one, Service.spawn, [now])
    assert pauses == [1, 2, 4, 1]


def test_a_start_that_fails_is_tried_again_later(service: Service) -> None:
    """The failure is reported, the others are not given up."""

    def fail(_server: Service) -> None:
        raise StartError("no memory")

    one = Watched(service, 0.0)  # type: ignore[arg-type]  # as above
    service.child.code = 1
    rounds(one, fail, [0.0])
    assert rounds(one, fail, [1.0]) == ["no memory"]
    assert one.restart_at == 3.0


def test_the_pause_has_a_limit() -> None:
    """However often it died."""
    assert pause_seconds(1000) == LONGEST_PAUSE_SECONDS
