"""One run at a time on a data folder."""

import fcntl
import os
import time
from pathlib import Path

import psutil

from localstack.child import StartError

# How long the guardian of a killed run may take to end that run's children.
PREDECESSOR_TIMEOUT_SECONDS = 40.0
POLL_SECONDS = 0.1


class DataLock:
    """A lock on ``folder``. The kernel lets go of it with the last process that has it open, so it can't be left behind."""

    def __init__(self, folder: Path) -> None:
        """Takes it. Raises ``StartError`` that names the process that has it, or why the folder can't be used."""
        path = folder / "lock"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+")
        except OSError as error:
            raise StartError(
                f"The data folder {folder} can't be used: {error.strerror}. Run as its owner, remove it (its data is "
                "lost), or set ADCLICKS_DATA_DIR to another folder."
            ) from error
        deadline = time.monotonic() + PREDECESSOR_TIMEOUT_SECONDS
        while not self._taken():
            holder = self._holder()
            # A killed run's guardian holds it until that run's children have ended: worth to wait for.
            if (holder and psutil.pid_exists(holder)) or time.monotonic() > deadline:
                self._file.close()
                raise StartError(
                    f"{folder} is in use: `make run` runs already, as process {holder}.\n"
                    f"  To stop it:    kill {holder}\n"
                    "  To run beside: ADCLICKS_DATA_DIR=… and other ports (adclicks-local --help)"
                )
            time.sleep(POLL_SECONDS)
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    @property
    def descriptor(self) -> int:
        """The open file, to be inherited by the guardian."""
        return self._file.fileno()

    def release(self) -> None:
        """Lets go of it."""
        self._file.close()

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _holder(self) -> int | None:
        self._file.seek(0)
        text = self._file.read()
        return int(text) if text.isdigit() else None
