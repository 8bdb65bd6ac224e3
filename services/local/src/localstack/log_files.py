"""Keeps the logs of children bounded."""

import shutil
from pathlib import Path

LOG_BYTES_MAX = 32 * 1024 * 1024


def cut(folder: Path, bytes_max: int = LOG_BYTES_MAX) -> None:
    """Moves the content of each longer log to ``<name>.log.1``. Its writer appends, so it goes on at the new beginning."""
    for log in folder.glob("*.log"):
        if log.stat().st_size > bytes_max:
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            with log.open("r+b") as file:
                file.truncate(0)
