"""Without PostgreSQL or Kafka: bounded answers, no restart, and all is well when they are back."""

import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from localstack.stack import InfraStack
from testbed.http import Client
from testbed.installation import Installation
from testbed.polling import eventually
from testbed.services import Service

_RANGE = "start=2025-09-06T00:00:00Z&end=2025-09-06T00:37:45.123001Z"
# The longest that a request may wait for a connection, plus room for a busy machine.
_BOUND_SECONDS = 10.0


@pytest.mark.parametrize(
    "path", ["/ads", "/ads/analytics", f"/ads/{uuid4()}/analytics?{_RANGE}", f"/ads/top?{_RANGE}", "/audit"]
)
def test_without_postgresql_the_answer_is_503_within_a_bound(
    api: Client, analytics: Service, infra: InfraStack, path: str
) -> None:
    """With Retry-After; the service is not ready, but alive; and it answers again by itself."""
    eventually(lambda: require_status(api, path, 200))
    infra.postgres.stop()
    try:
        # The live totals may be a quarter of a second old.
        eventually(lambda: require_status(api, path, 503))
        started = time.monotonic()
        answer = api.get(path)
        assert time.monotonic() - started < _BOUND_SECONDS
        assert (answer.status, answer.error["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert answer.headers["Retry-After"]
        assert analytics.get("/healthz/live").status == 200
        assert analytics.get("/healthz/ready").invalid_fields == ["database"]
    finally:
        infra.postgres.start()
    eventually(lambda: require_status(api, path, 200))


def require_status(api: Client, path: str, status: int) -> None:
    """The answer has ``status``."""
    assert api.get(path).status == status


def test_after_a_restart_of_postgresql_no_request_fails(api: Client, infra: InfraStack) -> None:
    """The connections of the pool are dead then; a read is asked again."""
    path = f"/ads/{uuid4()}/analytics?{_RANGE}"
    eventually(lambda: require_status(api, path, 200))
    infra.postgres.stop()
    infra.postgres.start()
    assert api.get(path).status == 200


def test_without_kafka_the_audit_has_no_lag_and_all_else(api: Client, infra: InfraStack) -> None:
    """The lag is null, within a bound; the ledger is there."""
    infra.kafka.stop()
    try:
        started = time.monotonic()
        answer = api.get("/audit")
        assert time.monotonic() - started < _BOUND_SECONDS
        assert (answer.status, answer.json["data"]["total"]["lag"]) == (200, None)
    finally:
        infra.kafka.start()

    def look() -> None:
        assert api.get("/audit").json["data"]["total"]["lag"] == 0

    eventually(look)


def test_a_database_without_a_schema_makes_it_not_ready(installation: Installation) -> None:
    """The answer names the command that helps."""
    service = installation.service("analytics", ready_path="/healthz/live", DB_NAME="postgres")
    answer = service.get("/healthz/ready")
    assert answer.status == 503
    assert "adclicks migrate" in answer.error["details"][0]["error"]
    service.stop()


def test_wrong_settings_are_named_all_at_once_and_end_the_start(tmp_path: Path) -> None:
    """Each variable by its name, without a traceback, and not with exit code 0."""
    command = (sys.executable, "-m", "gunicorn", "--config", "python:analytics.gunicorn_conf", "analytics.asgi:app")
    environment = {"PATH": os.environ["PATH"], "PORT": "http", "REDIS_ADDR": "redis", "DB_PASSWORD": "secret"}
    run = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode > 0
    for name in ("PORT", "REDIS_ADDR", "DB_HOST", "DB_USER", "KAFKA_ADDRESS"):
        assert name in run.stderr
    assert "Traceback" not in run.stderr
    assert "secret" not in run.stderr


def test_sigterm_ends_it_cleanly_and_leaves_no_metrics_behind(installation: Installation) -> None:
    """With two workers that share their metrics through a folder: it ends by itself, and the folder is gone."""
    service = installation.service("analytics", WEB_CONCURRENCY="2")
    assert service.get("/ads").status == 200
    workers = service.workers()
    maps = [Path(mapped.path) for worker in workers for mapped in worker.memory_maps()]
    (folder,) = {path.parent for path in maps if "adclicks-metrics-" in str(path)}
    assert len(workers) == 2
    service.stop()
    assert not folder.exists()
    assert "Shutting down" in service.log_text()
    assert "Traceback" not in service.log_text()


def test_sigterm_lets_a_request_finish(installation: Installation) -> None:
    """One that waits in the database when the signal comes is answered, while the service takes no new ones."""
    service = installation.service("analytics")
    with ThreadPoolExecutor(2) as threads, installation.connect() as blocker:
        blocker.execute("begin; lock table ads")
        answer = threads.submit(service.get, "/ads")
        eventually(lambda: require_waiting(installation))
        stopped = threads.submit(service.stop)
        eventually(lambda: require_refused(service))
        blocker.execute("commit")
        assert answer.result(_BOUND_SECONDS).status == 200
        stopped.result(_BOUND_SECONDS)


def require_waiting(installation: Installation) -> None:
    """A query of analytics waits for a lock."""
    assert installation.sql(
        "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database() "
        "and application_name = 'adclicks-analytics'"
    )


def require_refused(service: Service) -> None:
    """Nobody listens any more."""
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", service.port)) != 0
