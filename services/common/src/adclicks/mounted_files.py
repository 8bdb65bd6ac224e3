"""Notices that mounted files (certificates, keys) were rotated, for clients that read them only when they are made."""

from collections.abc import Iterable
from pathlib import Path

CHECK_SECONDS = 5.0

Fingerprint = tuple[tuple[str, int, int, int], ...]


def certificate_files(path: str) -> list[Path]:
    """The file itself; of a folder, its ``*.crt``: while a CA is replaced, the old one may lie beside the new one."""
    folder = Path(path)
    return sorted(folder.glob("*.crt")) if folder.is_dir() else [folder]


class MountedFiles:
    """Remembers what ``paths``, files or folders of certificates, were when it was made."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = list(paths)
        self._first = self._fingerprint()

    def rotated(self) -> bool:
        """Whether one of them is another file now. One that is missing is in mid-rotation: not yet."""
        now = self._fingerprint()
        return now is not None and now != self._first

    def _fingerprint(self) -> Fingerprint | None:
        found = []
        for path in self._paths:
            files = certificate_files(path)
            if not files:
                return None
            for file in files:
                try:
                    # Kubernetes swaps a symbolic link: the file behind it is another one.
                    status = file.stat()
                except OSError:
                    return None
                found.append((str(file), status.st_ino, status.st_mtime_ns, status.st_size))
        return tuple(found)
