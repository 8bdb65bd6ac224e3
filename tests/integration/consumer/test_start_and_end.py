"""How a pool starts and ends: wrong settings are named, a dead worker is replaced, nothing is left behind."""

import subprocess
import sys

import psutil

from testbed.clicks import encode, new_click
from testbed.installation import Installation
from testbed.polling import eventually
from testbed.services import Service


def test_wrong_settings_are_all_named_and_no_value_is_printed(installation: Installation) -> None:
    """Exit code 2, a line each; a secret among them does not reach the log."""
    environment = {
        **installation.environment,
        "DB_PORT": "none",
        "REDIS_ADDR": "nowhere",
        "CONSUMER_WORKERS": "0",
        "KAFKA_GROUP_PROTOCOL": "telepathy",
        "DB_PASSWORD": "hunter2",
        "DB_HOST": "",
    }

    ended = subprocess.run(
        [sys.executable, "-m", "consumer.pool"],
        env=environment,
        cwd=installation.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 2
    for name in ("DB_PORT", "REDIS_ADDR", "CONSUMER_WORKERS", "KAFKA_GROUP_PROTOCOL", "DB_HOST"):
        assert f"  {name} " in ended.stderr
    assert "hunter2" not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_metrics_say_what_was_done(installation: Installation, pool: Service) -> None:
    """Stored, duplicates, rejected, batches and lag, over all workers."""
    click = encode(new_click())
    installation.produce([click, click, b"not a click"])
    installation.settled()

    def look() -> None:
        text = pool.get("/metrics").body.decode()
        for line in ("clicks_stored_total 1.0", "clicks_duplicate_total 1.0", "records_rejected_total 1.0"):
            assert f"adclicks_{line}" in text
        for name in ("adclicks_batch_seconds_count", "adclicks_batch_records_bucket", "adclicks_consumer_lag{"):
            assert name in text
        assert "adclicks_redis_failures_total 0.0" in text

    eventually(look)


def test_a_killed_worker_is_replaced(installation: Installation, pool: Service) -> None:
    """The pool starts another one, which takes in what comes next; readiness says so meanwhile."""
    before = sum(installation.counts().values())
    dead = pool.kill_worker()

    def replaced() -> None:
        assert [worker.pid for worker in pool.workers() if worker.pid != dead]
        assert pool.is_healthy()

    eventually(replaced)
    installation.produce([encode(new_click())])
    installation.settled()
    assert sum(installation.counts().values()) == before + 1


def test_workers_end_with_their_pool(installation: Installation, pool: Service) -> None:
    """kill -9 of the parent alone: its workers notice, and leave the group to the next pool."""
    installation.produce([encode(new_click())])
    installation.settled()
    workers = pool.workers()
    assert len(workers) == 1
    pool.kill_parent()

    _, alive = psutil.wait_procs(workers, 30)

    assert alive == []
    pool.stop()
    pool.start()


def test_sigterm_ends_the_pool_and_its_workers(installation: Installation, pool: Service) -> None:
    """Exit code 0, nobody left, and no folder of metrics."""
    workers = pool.workers()
    pool.stop()

    assert pool.child.exit_code() == 0
    assert [worker for worker in workers if worker.is_running()] == []
    assert "Traceback" not in pool.log_text()
