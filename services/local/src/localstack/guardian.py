"""What ends the children when the one who started them is gone, however it went (``kill -9`` too).

A process of its own in a session of its own: it reads "+ pid …" and "- pid" lines from a pipe, and the pipe's end is the sign.
The kernel's parent-death signal would not do: it fires when the *thread* that started a child ends, and macOS has none.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from localstack.environment import for_program

POLL_SECONDS = 0.05
PARENT_CHECK_SECONDS = 1.0


@dataclass(frozen=True)
class Charge:
    """A process to end: ``stage`` says when (the highest first), ``stop_signal`` and ``stop_timeout_seconds`` how."""

    process: psutil.Process
    stage: int
    stop_signal: int
    stop_timeout_seconds: float


class Guardian:
    """The parent's side: ``watch`` what was started, ``forget`` what was stopped, ``close`` when all is done."""

    def __init__(self, inherited: Sequence[int] = ()) -> None:
        """``inherited``: file descriptors (a lock's) that stay open until the last charge has ended."""
        command = [sys.executable, "-m", "localstack.guardian"]
        self._writing = threading.Lock()
        # Set when all is about to end: a start that still waits for an answer gives up at once.
        self.closing = threading.Event()
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            stdin=subprocess.PIPE,
            pass_fds=tuple(inherited),
            start_new_session=True,
            bufsize=0,
            env=for_program(os.environ, sys.executable),
        )

    def watch(self, pid: int, stage: int, stop_signal: signal.Signals, stop_timeout_seconds: float) -> None:
        """From now on ``pid`` is ended when this process ends. Raises ``BrokenPipeError`` when the guardian is gone."""
        self._tell(f"+ {pid} {stage} {int(stop_signal)} {stop_timeout_seconds}\n")

    def forget(self, pid: int) -> None:
        """``pid`` has ended, and its number may come to mean another process."""
        with contextlib.suppress(BrokenPipeError):
            self._tell(f"- {pid}\n")

    def close(self) -> None:
        """Ends the guardian, and with it whatever was not forgotten."""
        self.closing.set()
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        with self._writing:
            if self._process.stdin:
                self._process.stdin.write(line.encode())


def descendants(process: psutil.Process) -> list[psutil.Process]:
    """Its children and theirs; none when it is gone."""
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def kill_all(processes: Sequence[psutil.Process]) -> None:
    """SIGKILL to each that is still there."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process.kill()


def _watch_pipe(pipe: int, parent: int) -> dict[int, Charge]:
    """Reads until the pipe ends or the parent is another one; returns the processes that are still to be ended."""
    charges: dict[int, Charge] = {}
    rest = b""
    while os.getppid() == parent:
        if not select.select([pipe], [], [], PARENT_CHECK_SECONDS)[0]:
            continue
        data = os.read(pipe, 65536)
        if not data:
            break
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            _note(charges, line.decode().split())
    return charges


def _note(charges: dict[int, Charge], words: list[str]) -> None:
    pid = int(words[1])
    if words[0] == "-":
        charges.pop(pid, None)
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        # psutil remembers the start time, so a number that was given again later is not taken for this process.
        charges[pid] = Charge(psutil.Process(pid), int(words[2]), int(words[3]), float(words[4]))


def _end(charges: Sequence[Charge]) -> None:
    """Ends the processes of one stage together."""
    families = [process for charge in charges for process in [charge.process, *descendants(charge.process)]]
    for charge in charges:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            charge.process.send_signal(charge.stop_signal)
    deadline = time.monotonic() + max(charge.stop_timeout_seconds for charge in charges)
    while any(_is_there(charge.process) for charge in charges) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    kill_all(families)


def _is_there(process: psutil.Process) -> bool:
    try:
        # Nobody may be there to reap it: a zombie has ended.
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def main() -> None:
    """Waits for the parent's end, then ends its children, stage by stage."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    charges = _watch_pipe(sys.stdin.fileno(), os.getppid()).values()
    for stage in sorted({charge.stage for charge in charges}, reverse=True):
        _end([charge for charge in charges if charge.stage == stage])


if __name__ == "__main__":
    main()
