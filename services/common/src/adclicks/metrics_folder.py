"""The folder through which the worker processes of a service share their metrics.

Apart from ``metrics`` because prometheus_client decides at its import whether it keeps metrics in memory or a folder.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def share() -> str:
    """Makes the folder, and has this process and its children keep their metrics there; returns its path.

    Raises ``RuntimeError`` after prometheus_client's import: each process would then silently count for itself.
    """
    if "prometheus_client" in sys.modules:
        raise RuntimeError("share() must come before the first import of prometheus_client")
    os.environ[VARIABLE] = new_folder()
    return os.environ[VARIABLE]


def new_folder() -> str:
    """An empty folder for the files, in memory where the system has such a place."""
    memory = Path("/dev/shm")  # noqa: S108 a mkdtemp folder below it is private
    return tempfile.mkdtemp(prefix="adclicks-metrics-", dir=memory if os.access(memory, os.W_OK) else None)


def remove_folder(folder: str) -> None:
    """At the very end of the service."""
    shutil.rmtree(folder, ignore_errors=True)
