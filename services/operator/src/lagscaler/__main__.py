"""The operator: ``python -m lagscaler``."""

from __future__ import annotations

import asyncio
import sys

from adclicks import logs
from adclicks.settings import read_or_exit
from lagscaler.connection import NoClusterError, connection
from lagscaler.service import run
from lagscaler.settings import OperatorSettings
from lagscaler.spec import InvalidSpecError


def main() -> int:
    """Runs until SIGTERM or SIGINT; returns the exit code."""
    settings = read_or_exit(OperatorSettings)
    logs.configure(settings.log, "operator")
    try:
        asyncio.run(run(settings, connection()))
    except (InvalidSpecError, NoClusterError) as error:
        print(error, file=sys.stderr)  # noqa: T201 as for wrong settings
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
