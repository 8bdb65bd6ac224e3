"""A newcomer's first hour: an awkward folder, an environment full of settings for other servers, and README's commands."""

import http.client
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from localstack.ports import free_port, loopback
from localstack.settings import CLONE
from testbed.polling import eventually

PORTS = (
    "PORT", "LOCAL_ANALYTICS_PORT", "LOCAL_CONSUMER_PORT", "LOCAL_KAFKA_PORT", "LOCAL_POSTGRES_PORT", "LOCAL_VALKEY_PORT",
)  # fmt: skip
TIMEOUT_SECONDS = 240.0
# A comma makes two of one folder for Kafka, a quote ends a word for a shell, and Java reads property files as Latin-1.
AWKWARD = 'o\'clock, "click" ü 点 %20 (1)'
# Each of them has broken a start, or would send data elsewhere.
HOSTILE = {
    "PGSSLMODE": "require",
    "PGHOSTADDR": "192.0.2.1",
    "PGSERVICE": "production",
    "PGOPTIONS": "-c no_such_setting=1",
    "PGTZ": "Asia/Tokyo",
    "PGDATESTYLE": "German",
    "PGPASSFILE": "/nonexistent",
    "JAVA_TOOL_OPTIONS": "-Xmx1m",
    "_JAVA_OPTIONS": "-Xmx1m",
    "JDK_JAVA_OPTIONS": "--no-such-option",
    "CLASSPATH": "/nonexistent",
    "KAFKA_OPTS": "-Xmx1m",
    "KAFKA_HEAP_OPTS": "-Xmx1m",
    "GUNICORN_CMD_ARGS": "--bind=127.0.0.1:1",
    "REDIS_PASSWORD": "of another server",
    "REDIS_USERNAME": "nobody",
    "HTTP_PROXY": "http://192.0.2.1:9",
    "http_proxy": "http://192.0.2.1:9",
    "LANG": "xx_XX.ISO-8859-1",
    "LC_ALL": "C",
    "TZ": "Asia/Tokyo",
    "TMPDIR": "/nonexistent",
}
DOT_ENV = """
DB_HOST=db.production.invalid
DB_PASSWORD=secret
DB_SSL=verify-full
KAFKA_ADDRESS=kafka.production.invalid:9093
KAFKA_SECURITY_PROTOCOL=sasl_ssl
KAFKA_USERNAME=ads
KAFKA_PASSWORD=secret
REDIS_ADDR=redis.production.invalid:6379
REDIS_TLS=true
CONSUMER_BATCH_MS=50
"""


@dataclass
class Stack:
    """``make run`` of the clone in ``clone``; ``said`` is what it printed."""

    clone: Path
    ports: dict[str, int]
    said: list[str] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        """Where the API is."""
        return f"localhost:{self.ports['PORT']}"

    def environment(self) -> dict[str, str]:
        """Of a shell in which nothing is set."""
        return {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}

    def shell(self, command: str) -> "subprocess.CompletedProcess[str]":
        """Runs ``command`` in the clone."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.clone,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """An awkward one that every user may enter: as root, PostgreSQL runs as another one."""
    with tempfile.TemporaryDirectory(prefix="adclicks-") as parent:
        Path(parent).chmod(0o711)
        made = Path(parent) / AWKWARD
        made.mkdir()
        yield made


@pytest.fixture(scope="module")
def stack(folder: Path) -> Iterator[Stack]:
    """The whole of it, started from a folder with a .env of production, under a strict umask."""
    clone = folder / "clone"
    shutil.copytree(CLONE / "loadtests", clone / "loadtests", ignore=shutil.ignore_patterns("results", "bench"))
    shutil.copytree(CLONE / "make", clone / "make")
    shutil.copy(CLONE / "Makefile", clone)
    for name in (".venv", "services", "requirements"):
        (clone / name).symlink_to(CLONE / name)
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / ".env").write_text(DOT_ENV)
    started = Stack(clone, {name: free_port() for name in PORTS})
    settings = {name: str(port) for name, port in started.ports.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "localstack.main"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        cwd=elsewhere,
        env={**os.environ, **HOSTILE, **settings, "ADCLICKS_DATA_DIR": str(clone / ".data")},
        umask=0o077,
    )
    with process:
        assert process.stdout
        for line in process.stdout:
            started.said.append(line)
            if "Ready after" in line:
                break
        assert process.poll() is None, "".join(started.said)
        # What it says later must not fill the pipe.
        rest = threading.Thread(target=started.said.extend, args=(process.stdout,))
        rest.start()
        yield started
        process.terminate()
        assert process.wait(TIMEOUT_SECONDS) == 0, "".join(started.said)
        rest.join()
    assert not (clone / ".data" / "stack.json").exists()


def test_it_starts_whatever_the_environment_says_of_other_servers(stack: Stack) -> None:
    """And says which settings it does not use; those that tune the services are theirs."""
    (notice,) = [line for line in stack.said if line.startswith("Not used here")]
    for name in ("DB_HOST", "KAFKA_ADDRESS", "KAFKA_SECURITY_PROTOCOL", "REDIS_TLS", "REDIS_PASSWORD"):
        assert name in notice
    assert "CONSUMER_BATCH_MS" not in notice
    assert "secret" not in "".join(stack.said)


@pytest.mark.parametrize("host", loopback())
@pytest.mark.parametrize("name", ["PORT", "LOCAL_ANALYTICS_PORT", "LOCAL_CONSUMER_PORT"])
def test_it_answers_by_each_address_that_localhost_means(stack: Stack, host: str, name: str) -> None:
    """On many machines ``localhost`` is ::1 first."""
    connection = http.client.HTTPConnection(host, stack.ports[name], timeout=10)
    connection.request("GET", "/healthz/ready")
    assert connection.getresponse().status == 200
    connection.close()


def readme_commands() -> Iterator[tuple[str, list[str]]]:
    """Each command of README's console blocks, and the lines that it shows as its output."""
    text = (CLONE / "README.md").read_text(encoding="utf-8")
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *shown = part.splitlines()
            while not is_whole(command):
                command += "\n" + shown.pop(0)
            yield command, [line for line in shown if line]


def is_whole(command: str) -> bool:
    """Whether no quote is open."""
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return False
    return True


def squeezed(line: str) -> str:
    """With one space for many: columns are as wide as their content."""
    return " ".join(line.split())


def test_readme_s_commands_run_as_shown(stack: Stack) -> None:
    """After `make run` and nothing else: each ends well and prints what README shows, in that order."""
    commands = list(readme_commands())
    assert {"make run", "make test"} <= {command.partition("#")[0].strip() for command, _ in commands}
    assert any("adclicks audit" in command for command, _ in commands)
    for command, shown in commands:
        if command.startswith("make"):
            continue

        def runs(command: str = command, shown: list[str] = shown) -> None:
            ended = stack.shell(command.replace("localhost:8080", stack.base_url))
            assert ended.returncode == 0, ended
            lines = [squeezed(line) for line in ended.stdout.splitlines()]
            for line in shown:
                # "…" is for "and so on".
                begin = squeezed(line.partition("…")[0])
                assert any(found.startswith(begin) for found in lines), (line, ended)

        # A click is counted a moment after it was taken.
        eventually(runs)


def test_readme_shows_what_a_start_prints(stack: Stack) -> None:
    """Each step by its name; ports and times differ."""
    shown = [line for command, lines in readme_commands() if command == "make run" for line in lines]
    steps = [re.split(r" on port |  ", line)[0] for line in shown if line.startswith("✓")]
    assert len(steps) == 7
    for step in steps:
        assert any(line.startswith(step) for line in stack.said), step


def test_a_load_test_s_result_is_written_in_any_folder(stack: Stack) -> None:
    """By `make loadtest`, as anybody runs it; how fast it is on a busy machine is not asked."""
    ended = stack.shell(
        "export P99_MS=60000 VISIBLE_MS=60000 PACE_SECONDS=2; "
        f"make -o .venv/.installed loadtest ROWS=2 PACES=paced BASE_URL=http://{stack.base_url}"
    )
    assert ended.returncode == 0, ended
    result = json.loads((stack.clone / "loadtests/results/benchmark-2x2-paced.json").read_text())
    assert (result["ledger"]["queryable"], result["passed"]) == (4, True)


def test_a_load_test_without_a_result_fails(stack: Stack) -> None:
    """A folder that does not exist is named before the first click; k6 alone would end with 0."""
    ended = stack.shell(
        ".venv/bin/k6 run --quiet --no-usage-report --address '' -e RESULTS=/nonexistent loadtests/benchmark.js"
    )
    assert ended.returncode != 0
    assert "RESULTS must be" in ended.stdout + ended.stderr


def test_the_command_uses_no_other_servers_than_it_is_told(stack: Stack) -> None:
    """One setting is enough: nothing of the running stack is mixed in."""
    ended = stack.shell("DB_HOST=db.production.invalid .venv/bin/adclicks audit")
    assert ended.returncode == 2
    assert "DB_PASSWORD is not set" in ended.stderr
