"""Clicks at a steady rate from several connections, for as long as something else happens."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from threading import Event, Lock, Thread
from uuid import uuid4

from testbed import clicks, http

RETRY_SECONDS = 0.2
GIVE_UP_SECONDS = 120.0


@dataclass
class Traffic:
    """What was sent so far: all clicks are of one ad, so that its count is the number of different clicks."""

    url: str
    rate: int
    clients: int = 16
    ad_id: str = field(default_factory=lambda: str(uuid4()))
    accepted: int = 0
    requests: int = 0
    failures: list[str] = field(default_factory=list)
    abandoned: int = 0

    def __post_init__(self) -> None:
        self._lock = Lock()
        self._stop = Event()

    def run_client(self, count: int | None = None) -> None:
        """One connection's share: ``count`` clicks as fast as it goes, or, without one, the rate's share until the end."""
        with http.client(self.url) as client:
            started, number = time.monotonic(), 0
            while number < count if count is not None else not self._stop.is_set():
                if count is None:
                    self._stop.wait(max(0.0, started + number * self.clients / self.rate - time.monotonic()))
                self._send(client)
                number += 1

    def _send(self, client: http.Client) -> None:
        """Sends one click, with the same id again until it is accepted, as a client of an at-least-once API does."""
        body = clicks.encode(clicks.new_click(ad_id=self.ad_id))
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            failure = self._post(client, body)
            with self._lock:
                self.requests += 1
                if failure is None:
                    self.accepted += 1
                    return
                self.failures.append(failure)
            time.sleep(RETRY_SECONDS)
        with self._lock:
            self.abandoned += 1

    @staticmethod
    def _post(client: http.Client, body: bytes) -> str | None:
        try:
            answer = client.post("/ads/click", body)
        except (OSError, HTTPException) as error:
            return f"{type(error).__name__}: {error}"
        return None if answer.status == 202 else f"HTTP {answer.status}"

    def stop(self) -> None:
        """Has every connection end after its current click."""
        self._stop.set()


def send(url: str, count: int, clients: int = 16) -> Traffic:
    """Sends ``count`` clicks as fast as it goes; returns what became of them."""
    traffic = Traffic(url, rate=0, clients=clients)
    shares = [count // clients + (number < count % clients) for number in range(clients)]
    threads = [Thread(target=traffic.run_client, args=(share,)) for share in shares]
    _finish(threads, start=True)
    return traffic


@contextmanager
def steady(url: str, rate: int, clients: int = 16) -> Iterator[Traffic]:
    """``rate`` clicks a second during the block; all are answered when it ends."""
    traffic = Traffic(url, rate, clients)
    threads = [Thread(target=traffic.run_client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield traffic
    finally:
        traffic.stop()
        _finish(threads)


def _finish(threads: list[Thread], *, start: bool = False) -> None:
    for thread in threads:
        if start:
            thread.start()
    for thread in threads:
        thread.join(2 * GIVE_UP_SECONDS)
        assert not thread.is_alive(), "a client hangs"
