"""However a run ends, nothing of it stays behind, and the next one can begin."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from localstack.child import Child, Program, StartError
from localstack.data_lock import DataLock
from localstack.guardian import Guardian
from localstack.ports import free_port

TIMEOUT_SECONDS = 30.0
PORTS = (
    "PORT", "LOCAL_ANALYTICS_PORT", "LOCAL_CONSUMER_PORT", "LOCAL_KAFKA_PORT", "LOCAL_POSTGRES_PORT", "LOCAL_VALKEY_PORT",
)  # fmt: skip
POLITE = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
# A parent that starts one child for each program it is given, prints their ids, and waits.
PARENT = """
import signal, sys, time
from pathlib import Path
from localstack.child import Child, Program
from localstack.guardian import Guardian
guardian, folder = Guardian(), Path(sys.argv[1])
for code in sys.argv[2:]:
    program = Program("child", (sys.executable, "-c", code), folder / "log", folder, stop_timeout_seconds=1)
    print(Child(program, guardian).pid, flush=True)
time.sleep(600)
"""
MASTER = """
import subprocess, sys
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(worker.pid, flush=True)
worker.wait()
"""
HOLDER = """
import sys, time
from pathlib import Path
from localstack.data_lock import DataLock
lock = DataLock(Path(sys.argv[1]))
print("taken", flush=True)
time.sleep(600)
"""


def wait_for(condition: Callable[[], bool]) -> None:
    """Returns once it holds; fails after ``TIMEOUT_SECONDS``."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def has_ended(process: psutil.Process) -> bool:
    """Gone, or a zombie that nobody has reaped."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_children_end_with_a_killed_parent(tmp_path: Path) -> None:
    """kill -9 of the parent: the polite child ends, and so does the one that ignores SIGTERM."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), POLITE, STUBBORN], stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout
        children = [psutil.Process(int(parent.stdout.readline())) for _ in (POLITE, STUBBORN)]
        parent.kill()
    wait_for(lambda: all(has_ended(child) for child in children))


def test_a_child_that_dies_at_its_start_is_shown_with_its_log(tmp_path: Path) -> None:
    """At once, not when the wait is over."""
    guardian = Guardian()
    program = Program("Broken", (sys.executable, "-c", "print('bad setting'); exit(3)"), tmp_path / "log", tmp_path)
    with pytest.raises(StartError, match=r"(?s)Broken ended with exit code 3.*bad setting"):
        Child(program, guardian).wait_until(lambda: "it does not answer", TIMEOUT_SECONDS)
    guardian.close()


def test_a_start_that_takes_too_long_tells_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Meanwhile each new reason, once; at its end the last one and the log."""
    monkeypatch.setattr("localstack.child.SLOW_START_SECONDS", 0.0)
    guardian, reasons, told = Guardian(), iter(["no route", "no route", "no SSL"]), []
    program = Program(
        "Slow", (sys.executable, "-c", f"print('begun', flush=True); {POLITE}"), tmp_path / "log", tmp_path
    )
    child = Child(program, guardian)
    with pytest.raises(StartError, match=r"(?s)Slow was not ready within 2 s: no SSL.*begun"):
        child.wait_until(lambda: next(reasons, "no SSL"), 2.0, told.append)
    assert told == ["Slow is not ready yet: no route", "Slow is not ready yet: no SSL"]
    assert child.exit_code() is not None
    guardian.close()


def test_a_child_has_nothing_of_the_user_s_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it needs to run, and what its program says; files that it makes are for others to read, not to write."""
    for name in ("PGSSLMODE", "DB_HOST", "JAVA_TOOL_OPTIONS", "GUNICORN_CMD_ARGS", "LD_PRELOAD", "MALLOC_ARENA_MAX"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("LC_ALL", "C")
    guardian, found = Guardian(), tmp_path / "found.json"
    code = "import json, os; from pathlib import Path; Path('found.json').write_text(json.dumps(dict(os.environ)))"
    before = os.umask(0o077)
    try:
        program = Program(
            "Told", (sys.executable, "-c", code), tmp_path / "log", tmp_path, environment={"DB_HOST": "own"}
        )
        child = Child(program, guardian)
        wait_for(lambda: child.exit_code() is not None)
    finally:
        os.umask(before)
    assert child.exit_code() == 0, child.tail()
    told = json.loads(found.read_text())
    assert (told["DB_HOST"], told["LC_ALL"], told["TZ"]) == ("own", "C.UTF-8", "UTC")
    assert not {"PGSSLMODE", "JAVA_TOOL_OPTIONS", "GUNICORN_CMD_ARGS", "LD_PRELOAD", "MALLOC_ARENA_MAX"} & told.keys()
    assert found.stat().st_mode & 0o777 == 0o644
    guardian.close()


def test_what_a_killed_master_leaves_is_ended(tmp_path: Path) -> None:
    """Its workers would keep the port, and the master that is started again could not have it."""
    guardian, log = Guardian(), tmp_path / "log"
    child = Child(Program("Master", (sys.executable, "-c", MASTER), log, tmp_path), guardian)
    child.wait_until(lambda: None if log.read_text().endswith("\n") else "it says nothing", TIMEOUT_SECONDS)
    worker = psutil.Process(int(log.read_text()))
    psutil.Process(child.pid).kill()
    wait_for(lambda: child.exit_code() is not None)
    wait_for(lambda: has_ended(worker))
    guardian.close()


def test_data_in_use_names_its_user_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    """The second is told the first one's process id; after kill -9 of that one the folder is free."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with holder:
        assert holder.stdout
        assert holder.stdout.readline() == "taken\n"
        with pytest.raises(StartError, match=f"as process {holder.pid}"):
            DataLock(tmp_path)
        holder.kill()
    DataLock(tmp_path).release()


def start(data: Path, ports: dict[str, str]) -> "subprocess.Popen[str]":
    """``adclicks-local --infra-only``; what it says comes on one pipe."""
    return subprocess.Popen(
        [sys.executable, "-m", "localstack.main", "--infra-only"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "ADCLICKS_DATA_DIR": str(data), **ports},
    )


@pytest.fixture
def ports() -> dict[str, str]:
    """A free port for each setting."""
    return {name: str(free_port()) for name in PORTS}


def test_a_busy_port_is_named_with_its_holder_and_the_remedy(tmp_path: Path, ports: dict[str, str]) -> None:
    """Before anything starts, and all of them at once."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        busy = [str(one.getsockname()[1]), str(two.getsockname()[1])]
        run = start(tmp_path, {**ports, "LOCAL_KAFKA_PORT": busy[0], "LOCAL_VALKEY_PORT": busy[1]})
        output, _ = run.communicate(timeout=TIMEOUT_SECONDS)
    assert run.returncode == 1
    assert f"Port {busy[0]} (LOCAL_KAFKA_PORT) can't be used" in output
    assert f"Port {busy[1]} (LOCAL_VALKEY_PORT) can't be used" in output
    assert f"pid {os.getpid()}" in output
    assert "LOCAL_VALKEY_PORT=" in output


def read_until(run: "subprocess.Popen[str]", word: str) -> None:
    """Reads what it says up to a line with ``word``; pytest's timeout bounds it."""
    assert run.stdout
    said = []
    for line in run.stdout:
        said.append(line)
        if word in line:
            return
    raise AssertionError("".join(said))


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder that every user may enter: as root, PostgreSQL runs as another one."""
    with tempfile.TemporaryDirectory(prefix="adclicks-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def test_a_run_can_be_killed_started_again_and_interrupted(data: Path, ports: dict[str, str]) -> None:
    """After kill -9 a new run takes over the same data and ports; SIGINT then ends it with 0, and all children with it."""
    with start(data, ports) as first:
        read_until(first, "Ready after")
        first.kill()
    with start(data, ports) as second:
        read_until(second, "Ready after")
        children = psutil.Process(second.pid).children(recursive=True)
        assert {"java", "valkey-server", "postgres"} <= {child.name() for child in children}
        second.send_signal(signal.SIGINT)
        assert second.wait(TIMEOUT_SECONDS) == 0
    assert all(has_ended(child) for child in children)
