"""``adclicks-local``: the whole pipeline on this machine. What ``make run`` executes."""

import argparse
import io
import os
import sys
from collections.abc import Sequence

from rich.console import Console

from adclicks.settings import SettingsError, describe, environment, read
from localstack.child import UMASK, StartError
from localstack.environment import of_libpq
from localstack.interrupt import Interrupted, SignalGate
from localstack.run import run
from localstack.settings import LocalSettings
from localstack.steps import Steps

_DESCRIPTION = """Starts Kafka, PostgreSQL, Valkey and the three services on this machine, and keeps them running until Ctrl-C.
Needs no root and no Docker. Data stays for the next start."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 after Ctrl-C or SIGTERM, and 1 where something can't be started."""
    # A terminal that is not UTF-8 shows a question mark instead of a tick.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    options = _parser().parse_args(arguments)
    # With --infra-only the standard output is for the lines to be pasted.
    steps = Steps(Console(stderr=options.infra_only))
    gate = SignalGate()
    gate.install()
    environ = environment()
    for name in of_libpq(os.environ):
        del os.environ[name]
    os.umask(UMASK)
    try:
        run(read(LocalSettings, environ), environ, steps, gate, infra_only=options.infra_only)
    except Interrupted:
        steps.say("Everything is stopped.")
        return 0
    except (SettingsError, StartError) as error:
        steps.say(str(error), "red")
        return 1


def _parser() -> argparse.ArgumentParser:
    rows = [f"  {name:<22} {meaning} ({default})" for name, default, meaning in describe(LocalSettings)]
    parser = argparse.ArgumentParser(
        "adclicks-local",
        description=_DESCRIPTION,
        epilog="settings, from the environment or a file .env (their defaults in brackets):\n" + "\n".join(rows),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--infra-only",
        action="store_true",
        help="start only Kafka, PostgreSQL and Valkey, and print the variables by which the services find them",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
