"""The folder through which the worker processes of a service share their metrics.

Apart from ``metrics`` because prometheus_client decides at its import whether it keeps metrics in memory or a folder.
"""

import fcntl
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "adclicks-metrics-"
# Held by the service and the workers it forks, for as long as one of them lives.
_LOCK = "lock"
# A folder younger than this may not have been locked yet.
_ABANDONED_SECONDS = 60.0


def share() -> str:
    """Makes the folder, and has this process and its children keep their metrics there; returns its path.

    Raises ``RuntimeError`` after prometheus_client's import: each process would then silently count for itself.
    """
    if "prometheus_client" in sys.modules:
        raise RuntimeError("share() must come before the first import of prometheus_client")
    parent = _parent()
    remove_abandoned(parent, time.time())
    os.environ[VARIABLE] = str(new_folder(parent))
    return os.environ[VARIABLE]


def new_folder(parent: Path) -> Path:
    """An empty folder in ``parent``, which counts as abandoned once this process and all it forks have ended."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    # Never closed: the system does that, and frees the lock, however the process ends.
    descriptor = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return folder


def remove_folder(folder: str) -> None:
    """At the very end of the service."""
    shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(parent: Path, now: float) -> None:
    """Removes the folders of services that were killed: they lie in memory. ``now`` is in seconds since 1970."""
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            if now - folder.stat().st_mtime > _ABANDONED_SECONDS and not _is_locked(folder / _LOCK):
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            # Another user's, or being removed by another service that starts now.
            continue


def _is_locked(lock: Path) -> bool:
    descriptor = os.open(lock, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _parent() -> Path:
    """In memory where the system has such a place."""
    memory = Path("/dev/shm")  # noqa: S108 a mkdtemp folder below it is private
    return memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
