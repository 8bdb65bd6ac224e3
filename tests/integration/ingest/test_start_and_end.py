"""How ingest starts and ends: wrong settings are named; SIGTERM lets what is in flight finish; nothing is left behind."""

import signal
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

import pytest

from testbed.clicks import encode, new_click
from testbed.http import client
from testbed.installation import Installation
from testbed.polling import eventually
from testbed.services import Service

CLIENTS = 20


class Load:
    """Clients that send until they are told to stop, or the service is gone; each knows what was acknowledged to it."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._stop = Event()
        self.acknowledged: list[str] = []
        self.other_answers: list[int] = []

    def __call__(self) -> None:
        with client(self._service.url) as opened:
            while not self._stop.is_set():
                click = new_click()
                try:
                    answer = opened.post("/ads/click", encode(click))
                except (OSError, HTTPException):
                    # No answer: the client has to send it again, as the API's description says.
                    if self._service.child.exit_code() is not None:
                        return
                    continue
                if answer.status == 202:
                    self.acknowledged.append(click["clickId"])
                else:
                    self.other_answers.append(answer.status)

    def stop(self) -> None:
        """Ends after the request that is under way."""
        self._stop.set()


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_a_shutdown_under_load_keeps_what_was_acknowledged(installation: Installation, name: signal.Signals) -> None:
    """Each 202 is a record in Kafka, nobody gets a 5xx, and the exit code is 0."""
    ingest = installation.service("ingest")
    load = Load(ingest)
    with ThreadPoolExecutor(CLIENTS) as threads:
        clients: list[Future[None]] = [threads.submit(load) for _ in range(CLIENTS)]
        eventually(lambda: require(len(load.acknowledged) > 200))
        subprocess.run(["kill", f"-{name.name.removeprefix('SIG')}", str(ingest.child.pid)], check=True)
        eventually(lambda: require(ingest.child.exit_code() is not None))
        load.stop()
        for future in clients:
            future.result()

    assert ingest.child.exit_code() == 0
    assert load.other_answers == []
    keys = {message.key() for message in installation.records()}
    assert {click_id.encode() for click_id in load.acknowledged} <= keys
    assert "Traceback" not in ingest.log_text()


def told_to_close(url: str) -> bool:
    """One connection, a click after the other, until an answer says that it is going to be closed."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
    while True:
        connection.request("POST", "/ads/click", encode(new_click()), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 202
        if answer.getheader("connection") == "close":
            return True


def test_busy_connections_are_told_before_they_are_closed(installation: Installation) -> None:
    """Closed without a word, a connection can cross with its client's next click, and the client sees a reset."""
    ingest = installation.service("ingest")
    with ThreadPoolExecutor(CLIENTS) as threads:
        clients = [threads.submit(told_to_close, ingest.url) for _ in range(CLIENTS)]
        eventually(lambda: require("adclicks_clicks_acknowledged_total" in ingest.get("/metrics").body.decode()))
        subprocess.run(["kill", "-TERM", str(ingest.child.pid)], check=True)
        assert all(client.result() for client in clients)
    eventually(lambda: require(ingest.child.exit_code() == 0))


def test_what_is_in_flight_at_sigterm_is_answered(installation: Installation) -> None:
    """Kafka is held up for a moment; requests that wait for it are answered 202 after SIGTERM, not cut off."""
    ingest = installation.service("ingest", KAFKA_ACK_TIMEOUT_SECONDS="30", SHUTDOWN_SECONDS="40")
    kafka = installation.infra.kafka.child
    with ThreadPoolExecutor(CLIENTS) as threads:
        subprocess.run(["kill", "-STOP", str(kafka.pid)], check=True)
        try:
            clicks = [new_click() for _ in range(CLIENTS)]
            answers = [threads.submit(post_one, ingest.url, encode(click)) for click in clicks]
            eventually(lambda: require(waiting(ingest) == CLIENTS))
            subprocess.run(["kill", "-TERM", str(ingest.child.pid)], check=True)
            eventually(lambda: require(not ingest.is_healthy("/healthz/live")))
        finally:
            subprocess.run(["kill", "-CONT", str(kafka.pid)], check=True)
        assert [future.result() for future in answers] == [202] * CLIENTS
    eventually(lambda: require(ingest.child.exit_code() == 0))
    keys = {message.key() for message in installation.records()}
    assert {click["clickId"].encode() for click in clicks} <= keys


def test_a_killed_worker_is_replaced(installation: Installation) -> None:
    """gunicorn starts another one; the metrics of the dead one stay in the sums."""
    ingest = installation.service("ingest")
    assert post_one(ingest.url, encode(new_click())) == 202
    eventually(lambda: require("adclicks_clicks_acknowledged_total 1.0" in ingest.get("/metrics").body.decode()))
    dead = ingest.kill_worker()

    def replaced() -> None:
        assert [worker.pid for worker in ingest.workers() if worker.pid != dead]
        assert ingest.is_healthy()

    eventually(replaced)
    assert post_one(ingest.url, encode(new_click())) == 202
    eventually(lambda: require("adclicks_clicks_acknowledged_total 2.0" in ingest.get("/metrics").body.decode()))
    ingest.stop()


def test_wrong_settings_are_all_named(tmp_path: Path, infra: object) -> None:
    """Exit code not 0, a line each, no traceback; the values are not repeated."""
    environment = {
        "PORT": "70000",
        "SHUTDOWN_SECONDS": "soon",
        "KAFKA_ACK_TIMEOUT_SECONDS": "0",
        "TRUSTED_PROXIES": "everyone",
        "PATH": "/usr/bin:/bin",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--config", "python:ingest.gunicorn_conf", "ingest.asgi:app"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode != 0
    for name in ("PORT", "SHUTDOWN_SECONDS", "KAFKA_ADDRESS", "KAFKA_ACK_TIMEOUT_SECONDS", "TRUSTED_PROXIES"):
        assert f"  {name} " in ended.stderr
    assert "everyone" not in ended.stderr
    assert "Traceback" not in ended.stderr


def post_one(url: str, body: bytes) -> int:
    """The status of one click."""
    with client(url) as opened:
        return opened.post("/ads/click", body).status


def waiting(ingest: Service) -> int:
    """How many clicks wait for Kafka, by the service's own metric."""
    for line in ingest.get("/metrics").body.decode().splitlines():
        if line.startswith("adclicks_clicks_waiting"):
            return int(float(line.rsplit(" ", 1)[1]))
    return 0


def require(holds: bool) -> None:
    """For ``eventually``."""
    assert holds
