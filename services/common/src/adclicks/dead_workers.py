"""The metrics of worker processes that have ended, in one file a kind of metric.

prometheus_client keeps a file a process and kind for ever, so that counters never go backwards: a scrape then reads as many
files as workers have died. Here a dead worker's counters and histograms are added to ``<kind>_0.db`` (no process has the
number 0) and its files are removed. The step that counts is one rename, to ``<kind>_0_<pid>.next``: from then on that file
stands for the sums before it and for the dead worker's file, whether or not the two are still there. So neither a crash nor a
scrape in between loses anything, or counts it twice.
"""

import fcntl
import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict

_LOCK = "merge.lock"
_GAUGE = "gauge"
_HEADER_BYTES = 8
_ALIGNMENT = 8


def absorb(folder: Path, pid: int) -> None:
    """Adds what process ``pid`` counted to the sums, and removes its files; its gauges are dropped.

    The process must have ended. Safe to repeat, and in several processes at once. Raises ``OSError`` where the folder has
    no room, and ``RuntimeError`` for a damaged file; nothing is lost then, but the files stay.
    """
    with _locked(folder):
        _recover(folder)
        for file in folder.glob(f"*_{pid}.db"):
            kind = file.name.partition("_")[0]
            if kind == _GAUGE or file.stat().st_size == 0:
                file.unlink()
            else:
                _add(folder, kind, pid)


def files(folder: Path) -> list[Path]:
    """The files that together are the metrics of all processes, living and dead. Raises ``FileNotFoundError`` while they
    change."""
    # A process that has just made its file has not given it a size yet.
    found = {file.name: file for file in folder.glob("*.db") if file.stat().st_size}
    for pending in folder.glob("*.next"):
        kind, pid = _parts(pending)
        found.pop(_sums(folder, kind).name, None)
        found.pop(_worker(folder, kind, pid).name, None)
        found[pending.name] = pending
    return sorted(found.values())


def version(folder: Path) -> list[tuple[str, int, int]]:
    """Differs after each merge and each new process. Raises ``FileNotFoundError`` while the files change."""
    found = []
    for file in sorted([*folder.glob("*.db"), *folder.glob("*.next")]):
        status = file.stat()
        # A number of a removed file is given again, but then with another time. Workers write to theirs all the time.
        is_sum = file.suffix == ".next" or file.stem.endswith("_0")
        found.append((file.name, status.st_ino, status.st_ctime_ns if is_sum else 0))
    return found


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / _LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _recover(folder: Path) -> None:
    """Finishes, or forgets, what a process that was killed in the middle of it has begun."""
    for pending in folder.glob("*.next"):
        _finish(folder, pending)
    for unfinished in folder.glob("*.tmp"):
        unfinished.unlink()


def _add(folder: Path, kind: str, pid: int) -> None:
    totals: defaultdict[str, float] = defaultdict(float)
    for file in (_sums(folder, kind), _worker(folder, kind, pid)):
        if file.exists():
            for key, value, _, _ in MmapedDict.read_all_values_from_file(file):
                totals[key] += value
    unfinished = folder / f"{kind}_0_{pid}.tmp"
    unfinished.write_bytes(_encode(totals))
    _finish(folder, unfinished.rename(unfinished.with_suffix(".next")))


def _encode(totals: Mapping[str, float]) -> bytes:
    """A file as prometheus_client's ``MmapedDict`` reads it: its length, and of each value the key, padded, and two doubles.

    Written with an ordinary write: to map a file of a full ``/dev/shm`` would end the process by SIGBUS.
    """
    entries = b"".join(_entry(key.encode(), value) for key, value in totals.items())
    return struct.pack("i4x", _HEADER_BYTES + len(entries)) + entries


def _entry(key: bytes, value: float) -> bytes:
    padded = key + b" " * (_ALIGNMENT - (len(key) + 4) % _ALIGNMENT)
    return struct.pack(f"=i{len(padded)}sdd", len(key), padded, value, 0.0)


def _finish(folder: Path, pending: Path) -> None:
    kind, pid = _parts(pending)
    _worker(folder, kind, pid).unlink(missing_ok=True)
    pending.rename(_sums(folder, kind))


def _parts(pending: Path) -> tuple[str, int]:
    kind, _, pid = pending.stem.split("_")
    return kind, int(pid)


def _sums(folder: Path, kind: str) -> Path:
    return folder / f"{kind}_0.db"


def _worker(folder: Path, kind: str, pid: int) -> Path:
    return folder / f"{kind}_{pid}.db"
