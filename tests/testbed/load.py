"""Clients that send clicks while something happens to the pipeline, and know what they were promised."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPException
from random import Random
from threading import Event, Lock
from uuid import uuid4

from testbed.clicks import Json, encode, new_click
from testbed.http import Client
from testbed.http import client as connect
from testbed.installation import Installation, by_ad

CLIENTS = 8
RETRY_SECONDS = 0.1


class Load:
    """As the API's description asks: a click that was not acknowledged is sent again, with the same id."""

    def __init__(self, url: str, clients: int = CLIENTS, clicks_per_second: float | None = None) -> None:
        """Without ``clicks_per_second`` each client sends its next click as soon as the one before is acknowledged."""
        self.url = url
        self.ads = [str(uuid4()) for _ in range(5)]
        self.acknowledged: list[Json] = []
        self.refused: list[int] = []
        self.unanswered = 0
        self._clients = clients
        self._pause_seconds = clients / clicks_per_second if clicks_per_second else 0.0
        self._stop = Event()
        self._lock = Lock()

    @contextmanager
    def running(self) -> Iterator["Load"]:
        """Sends during the block. At its end each client finishes its click: all that was sent is acknowledged."""
        with ThreadPoolExecutor(self._clients) as threads:
            futures = [threads.submit(self._run, Random(seed)) for seed in range(self._clients)]
            try:
                yield self
            finally:
                self._stop.set()
            for future in futures:
                future.result()

    def require(self, clicks: int) -> int:
        """Asserts that so many are acknowledged by now; returns how many are."""
        assert len(self.acknowledged) >= clicks, f"{len(self.acknowledged)} of {clicks} are acknowledged"
        return len(self.acknowledged)

    def assert_counted(self, installation: Installation) -> None:
        """What was acknowledged is counted, once, and nothing else is; all sums and Redis say the same."""
        installation.settled()
        expected = by_ad(self.acknowledged)
        counts = installation.counts()
        assert {ad: counts.get(ad, 0) for ad in expected} == expected
        installation.assert_counted_once(counts)
        installation.eventually_live(counts)

    def _run(self, random: Random) -> None:
        with connect(self.url) as client:
            while not self._stop.is_set():
                self._send(client, new_click(ad_id=random.choice(self.ads)), random)
                self._stop.wait(self._pause_seconds)

    def _send(self, client: Client, click: Json, random: Random) -> None:
        """Until it is acknowledged; then, now and then, once more."""
        body = encode(click)
        while not self._post(client, body):
            self._stop.wait(RETRY_SECONDS)
        with self._lock:
            self.acknowledged.append(click)
        if random.random() < 0.1:
            self._post(client, body)

    def _post(self, client: Client, body: bytes) -> bool:
        try:
            status = client.post("/ads/click", body).status
        except (OSError, HTTPException):
            with self._lock:
                self.unanswered += 1
            return False
        if status != 202:
            with self._lock:
                self.refused.append(status)
        return status == 202


def acknowledged_ids(clicks: Sequence[Json]) -> set[bytes]:
    """Their ids, as the keys of Kafka's records have them."""
    return {str(click["clickId"]).encode() for click in clicks}
