"""Finds the stack of ``make run``, for a command that is told of no servers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from adclicks.settings import KafkaSettings, PostgresSettings, RedisSettings, describe

FILE_NAME = "stack.json"
_SERVERS: tuple[type[Any], ...] = (KafkaSettings, PostgresSettings, RedisSettings)
# As in localstack.settings: where that stack keeps its data, by default in the clone.
_FOLDER_VARIABLE, _FOLDER = "ADCLICKS_DATA_DIR", ".data"


def settings(environ: Mapping[str, str], working_folder: Path) -> dict[str, str]:
    """What a running stack wrote of where its servers are; empty where none runs, or where ``environ`` names any server:
    a command must never ask one database and another Kafka."""
    names = {name for group in _SERVERS for name, _, _ in describe(group)}
    if any(name in environ for name in names):
        return {}
    folder = working_folder / Path(environ.get(_FOLDER_VARIABLE) or _FOLDER).expanduser()
    try:
        return msgspec.json.decode((folder / FILE_NAME).read_bytes(), type=dict[str, str])
    except OSError:
        # There is none, or it is another user's.
        return {}
