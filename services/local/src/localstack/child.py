"""One child process: its log, its start until it answers, its end."""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from localstack.environment import for_program
from localstack.guardian import Guardian, descendants, kill_all

POLL_SECONDS = 0.03
TAIL_LINES = 20
TAIL_BYTES = 16_384
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
KILL_WAIT_SECONDS = 10.0
# A start that takes longer tells what it waits for.
SLOW_START_SECONDS = 10.0
UMASK = 0o022


class StartError(Exception):
    """Something could not be started; the text says what, why, and what to do."""


@dataclass(frozen=True)
class Account:
    """A system user to run as."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Program:
    """What to run. ``stage``: 0 for servers, 1 for the services that use them; the higher ends first.

    ``environment`` is all that it is told beside ``localstack.environment.for_program``: nothing else of ours reaches it.
    """

    name: str
    arguments: tuple[str, ...]
    log: Path
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None
    stage: int = 0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_seconds: float = 10.0


class Child:
    """A running program, in a session of its own, so that the terminal's Ctrl-C reaches the parent alone."""

    def __init__(self, program: Program, guardian: Guardian) -> None:
        """Starts it. Raises ``StartError`` when it can't be executed, or all is about to end."""
        if guardian.closing.is_set():
            raise StartError(f"{program.name} was not started: all is about to end.")
        self.program = program
        self._guardian = guardian
        self._is_forgotten = False
        program.log.parent.mkdir(parents=True, exist_ok=True)
        with program.log.open("ab") as log:
            self._log_start_bytes = log.tell()
            self._process = _execute(program, log.fileno())
        try:
            guardian.watch(self._process.pid, program.stage, program.stop_signal, program.stop_timeout_seconds)
        except BaseException:
            # Nobody would end it.
            self._process.kill()
            raise

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        code = self._process.poll()
        if code is not None and not self._is_forgotten:
            # Workers whose master was killed would keep its port for a while, and the next one could not have it.
            kill_all([process for process in psutil.process_iter() if _session(process) == self.pid])
            self._forget()
        return code

    def wait_until(
        self, problem: Callable[[], str | None], timeout_seconds: float, report: Callable[[str], None] = lambda _: None
    ) -> None:
        """Returns once ``problem()`` is None; else ends the child and raises ``StartError`` with the last problem and the
        end of its log. Where that takes long, ``report`` is told of each new problem."""
        started, reported = time.monotonic(), ""
        while (found := problem()) is not None:
            if self.exit_code() is not None:
                raise StartError(self.obituary())
            if self._guardian.closing.wait(POLL_SECONDS):
                self.kill()
                raise StartError(f"{self.program.name}: its start was given up.")
            waited_seconds = time.monotonic() - started
            if waited_seconds > timeout_seconds:
                self.kill()
                raise StartError(
                    f"{self.program.name} was not ready within {timeout_seconds:g} s: {found}\n{self.tail()}"
                )
            if waited_seconds > SLOW_START_SECONDS and found != reported:
                report(f"{self.program.name} is not ready yet: {found}")
                reported = found

    def stop(self) -> None:
        """Asks it to end, and after ``stop_timeout_seconds`` no longer asks."""
        family = self._family()
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(self.program.stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self.program.stop_timeout_seconds)
        self._finish(family)

    def kill(self) -> None:
        """SIGKILL to it and to all of its children, as a crash would."""
        self._finish(self._family())

    def obituary(self) -> str:
        """How it ended, and its log's end."""
        code = self._process.returncode
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"{self.program.name} {how}.\n{self.tail()}"

    def tail(self) -> str:
        """The last lines it logged since its start."""
        with self.program.log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            # A log that was cut meanwhile is shorter than where this start began.
            log.seek(max(min(self._log_start_bytes, size), size - TAIL_BYTES))
            lines = COLOURS.sub("", log.read().decode(errors="replace")).splitlines()[-TAIL_LINES:]
        return "\n".join([f"The end of {self.program.log}:", *(f"  {line}" for line in lines or ["(nothing)"])])

    def _family(self) -> list[psutil.Process]:
        try:
            return descendants(psutil.Process(self.pid))
        except psutil.NoSuchProcess:
            return []

    def _finish(self, family: list[psutil.Process]) -> None:
        if self._process.poll() is None:
            self._process.kill()
        kill_all(family)
        self._process.wait(KILL_WAIT_SECONDS)
        psutil.wait_procs(family, KILL_WAIT_SECONDS)
        self._forget()

    def _forget(self) -> None:
        self._guardian.forget(self.pid)
        self._is_forgotten = True


def _session(process: psutil.Process) -> int | None:
    """The child's process id stands for the session of all that it started, as each child begins one."""
    try:
        return os.getsid(process.pid)
    except OSError:
        return None


def _execute(program: Program, log: int) -> "subprocess.Popen[bytes]":
    account = program.account
    try:
        return subprocess.Popen(  # noqa: S603 - the arguments are our own
            program.arguments,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=program.folder,
            env=for_program(os.environ, program.arguments[0]) | dict(program.environment),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            start_new_session=True,
            # Of the user's, 077 would shut out PostgreSQL's own user, and 000 would let everybody write.
            umask=UMASK,
        )
    except OSError as error:
        raise StartError(f"{program.name} can't be started: {program.arguments[0]}: {error.strerror}") from error
