"""A service that was killed leaves no metrics in memory for ever."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from adclicks.metrics_folder import new_folder, remove_abandoned

_LATER_SECONDS = 3600.0
# Makes a folder in its argument, forks a worker, tells both, and waits to be killed.
_SERVICE = """
import os, pathlib, signal, sys
from adclicks.metrics_folder import new_folder
folder = new_folder(pathlib.Path(sys.argv[1]))
worker = os.fork()
if worker:
    print(folder, worker, flush=True)
signal.pause()
"""


def test_a_folder_is_removed_once_the_service_and_its_workers_are_dead(tmp_path: Path) -> None:
    """Not while a worker lives whose parent was killed; not when it was made a moment ago; never one's own."""
    own = new_folder(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", _SERVICE, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as service:
        assert service.stdout
        folder, worker = service.stdout.readline().split()
        service.kill()
        service.wait()
        remove_abandoned(tmp_path, time.time() + _LATER_SECONDS)
        assert Path(folder).exists()
        os.kill(int(worker), signal.SIGKILL)
        # The pipe ends with the last process that has it.
        assert service.stdout.read() == ""
    remove_abandoned(tmp_path, time.time())
    assert Path(folder).exists()
    remove_abandoned(tmp_path, time.time() + _LATER_SECONDS)
    assert not Path(folder).exists()
    assert own.exists()
