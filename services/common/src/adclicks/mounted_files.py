"""Notices that mounted files (certificates, keys) were rotated, for clients that read them only when they are made."""

from collections.abc import Iterable
from pathlib import Path

CHECK_SECONDS = 10.0

Fingerprint = tuple[tuple[int, int, int], ...]


class MountedFiles:
    """Remembers what ``paths`` were when it was made."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = [Path(path) for path in paths]
        self._first = self._fingerprint()

    def rotated(self) -> bool:
        """Whether one of them is another file now. One that is missing is in mid-rotation: not yet."""
        now = self._fingerprint()
        return len(now) == len(self._first) and now != self._first

    def _fingerprint(self) -> Fingerprint:
        found = []
        for path in self._paths:
            try:
                # Kubernetes swaps a symbolic link: the file behind it is another one.
                status = path.stat()
            except OSError:
                continue
            found.append((status.st_ino, status.st_mtime_ns, status.st_size))
        return tuple(found)
