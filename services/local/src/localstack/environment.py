"""What the local stack takes from its user's environment, and what it passes on to the processes that it starts. Pure.

Libraries and runtimes read variables that are meant for other servers: libpq PG*, Java JAVA_TOOL_OPTIONS, Python PYTHON*,
gunicorn GUNICORN_CMD_ARGS, our own services DB_*, KAFKA_* and REDIS_*. So a child's environment is made of a list of what it
may have, not of what it must not have.
"""

import sys
from collections.abc import Mapping
from typing import Any

from adclicks.settings import KafkaSettings, PostgresSettings, RedisSettings, describe
from analytics.settings import AnalyticsSettings
from consumer.settings import ConsumerSettings
from ingest.settings import IngestSettings
from localstack.settings import LocalSettings

# Who runs it, and where programs and temporary files are.
_PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
# Some Pythons find their own library by it. It would also lead the embedded servers to other libraries than their own.
_FOR_PYTHON = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
# Text and times are the same on every machine; file names are UTF-8, also for Java.
_FIXED = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
_SERVICES = (IngestSettings, AnalyticsSettings, ConsumerSettings)
_SERVERS = (KafkaSettings, PostgresSettings, RedisSettings)


def for_program(environ: Mapping[str, str], executable: str) -> dict[str, str]:
    """What a child is told by default; ``executable`` is the path of its program."""
    found = _picked(environ, _PASSED_ON) | _FIXED
    return found | _picked(environ, _FOR_PYTHON) | {"PYTHONUTF8": "1"} if executable == sys.executable else found


def tuning(environ: Mapping[str, str]) -> dict[str, str]:
    """The settings of the services that are not about where the servers are and how to log in there."""
    own = _names(*_SERVICES) - _names(LocalSettings) - _names(*_SERVERS) - {"LISTEN_ADDRESS"}
    return {name: value for name, value in environ.items() if name in own and value}


def unused(environ: Mapping[str, str]) -> list[str]:
    """The variables that name other servers than this stack's own."""
    return sorted(
        name for name, value in environ.items() if value and name in _names(*_SERVERS) - _names(LocalSettings)
    )


def of_libpq(environ: Mapping[str, str]) -> list[str]:
    """The variables that libpq would read: they are meant for another server."""
    return [name for name in environ if name.startswith("PG")]


def _names(*classes: type[Any]) -> set[str]:
    return {name for one in classes for name, _, _ in describe(one)}


def _picked(environ: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: environ[name] for name in names if environ.get(name)}
