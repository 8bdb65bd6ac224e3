"""The file by which ``adclicks`` finds a stack that runs on this machine (``adclicks.cli.local_stack``)."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import msgspec

from adclicks.cli.local_stack import FILE_NAME


def write(data: Path, where: Mapping[str, str]) -> Callable[[], None]:
    """Writes ``where`` (the servers are) into the folder ``data``; returns what removes the file again."""
    file = data / FILE_NAME
    unfinished = file.with_suffix(".tmp")
    unfinished.touch(0o600)
    unfinished.write_bytes(msgspec.json.encode(where))
    unfinished.replace(file)
    return partial(file.unlink, missing_ok=True)
