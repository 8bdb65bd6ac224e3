"""Runs a command, and starts it again when a Python file below /src changes. For development only."""
# ruff: noqa: S603 it runs the command it is given

import signal
import subprocess
import sys
import time
from pathlib import Path

POLL_SECONDS = 0.5
END_SECONDS = 30


def newest() -> tuple[int, float]:
    times = [path.stat().st_mtime for path in Path("/src").rglob("*.py")]
    return len(times), max(times, default=0.0)


def end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True:
    seen = newest()
    running = subprocess.Popen(sys.argv[1:])
    try:
        # A command that ended by itself waits for the next change: a syntax error is no reason to lose the pod.
        while newest() == seen:
            time.sleep(POLL_SECONDS)
    finally:
        end(running)
