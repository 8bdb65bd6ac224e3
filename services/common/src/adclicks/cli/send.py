"""``adclicks send``: sample clicks over HTTP, at a steady rate, with a known share of duplicates."""

import argparse
import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from queue import Empty, Queue
from threading import Lock
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

_ADS = {
    "44bb7845-5133-4d7e-bfc4-30747fe38f1d": "mc donalds",
    "64bb7845-5133-4d7e-bfc4-30747fe38f1d": "burger king",
}
_ANSWER_SECONDS = 30.0
_ACCEPTED = "HTTP 202"


def add_to(commands: Any) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "send",
        help="send sample clicks, with duplicates if you like",
        description="Sends clicks and says what became of them. Nothing but the URL is needed.",
    )
    command.add_argument(
        "--url", type=_base_url, default="http://localhost:8080", help="the base URL (default: http://localhost:8080)"
    )
    command.add_argument("--count", type=_positive, default=1000, help="how many clicks (default: 1000)")
    command.add_argument("--rate", type=_positive, default=0, help="clicks a second (default: as fast as it goes)")
    command.add_argument("--clients", type=_positive, default=20, help="connections (default: 20)")
    command.add_argument("--duplicates", type=_share, default=0.0, help="share sent twice, 0 to 1 (default: 0)")
    command.add_argument("--ad", type=UUID, help="the ad's id (default: two sample ads in turn)")
    command.add_argument("--seed", type=int, help="the same seed makes the same clicks")
    command.set_defaults(run=_run)


class _Tally:
    """How many requests got which answer; counted by several threads."""

    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()
        self._lock = Lock()

    def count(self, answer: str) -> None:
        with self._lock:
            self.answers[answer] += 1


def _run(options: argparse.Namespace) -> int:
    bodies = _bodies(options)
    tally = _Tally()
    columns = (TextColumn("sending"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    started = time.monotonic()
    with Progress(*columns) as progress:
        task = progress.add_task("sending", total=len(bodies))
        _send_all(options, bodies, tally, lambda: progress.advance(task))
    seconds = time.monotonic() - started
    accepted = tally.answers[_ACCEPTED]
    print(
        f"{len(bodies)} requests in {seconds:.1f} s ({len(bodies) / seconds:.0f}/s): {accepted} accepted, "
        f"{len(bodies) - accepted} not; {options.count} different clicks"
    )
    for answer, count in tally.answers.items():
        print(f"  {count} × {answer}")
    return 0 if accepted == len(bodies) else 1


def _bodies(options: argparse.Namespace) -> list[bytes]:
    source = random.Random(options.seed)  # noqa: S311 sample data
    ads = [(str(options.ad), "sample ad")] if options.ad else list(_ADS.items())
    bodies = []
    for number in range(options.count):
        ad_id, name = ads[number % len(ads)]
        click = {
            "clickId": str(UUID(int=source.getrandbits(128), version=4)),
            "ad_id": ad_id,
            "name": name,
            "ip": f"198.51.100.{source.randrange(1, 255)}",
            "timestamp": datetime.now(UTC).isoformat(),
        }
        bodies += [json.dumps(click).encode()] * (2 if source.random() < options.duplicates else 1)
    source.shuffle(bodies)
    return bodies


def _send_all(options: argparse.Namespace, bodies: list[bytes], tally: _Tally, advance: Callable[[], None]) -> None:
    waiting: Queue[tuple[int, bytes]] = Queue()
    for item in enumerate(bodies):
        waiting.put(item)
    started = time.monotonic()

    def client() -> None:
        with contextlib.closing(_connection(options.url)) as connection:
            while True:
                try:
                    number, body = waiting.get_nowait()
                except Empty:
                    return
                if options.rate:
                    time.sleep(max(0.0, started + number / options.rate - time.monotonic()))
                tally.count(_post(connection, body))
                advance()

    with ThreadPoolExecutor(options.clients) as threads:
        for future in [threads.submit(client) for _ in range(options.clients)]:
            future.result()


def _post(connection: HTTPConnection, body: bytes) -> str:
    try:
        connection.request("POST", "/ads/click", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
    except (OSError, HTTPException) as error:
        connection.close()
        return f"{type(error).__name__}: {error}"
    return f"HTTP {answer.status}"


def _connection(url: str) -> HTTPConnection:
    parts = urlsplit(url)
    make = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return make(parts.hostname or "", parts.port, timeout=_ANSWER_SECONDS)


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise argparse.ArgumentTypeError("must be http(s)://host[:port]")
    return value


def _positive(value: str) -> int:
    if not value.isdigit() or int(value) < 1:
        raise argparse.ArgumentTypeError("must be a whole number from 1 on")
    return int(value)


def _share(value: str) -> float:
    try:
        share = float(value)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError("must be a number from 0 to 1")
    return share
