"""``adclicks``: what an operator does by hand. One module a command; each adds itself to the parser."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg
import redis
from confluent_kafka import KafkaException

from adclicks.cli import audit, dead_letters, local_stack, migrate, rebuild_cache, send, topics
from adclicks.kafka import KafkaUnavailableError
from adclicks.schema import SchemaError
from adclicks.settings import SettingsError, environment, ignore_libpq_variables

_DESCRIPTION = """Looks after Ads Click Tracking: the schema, the topics, the audit, dead letters, the cache.
Where things are is read from the environment, or from a file .env in the working folder
(DB_HOST, DB_USER, DB_PASSWORD, KAFKA_ADDRESS, REDIS_ADDR …); --help of a command names what it needs.
Where none of these is set, the stack of `make run` is used, in its clone."""
_COMMANDS = (migrate, topics, audit, dead_letters, rebuild_cache, send)
_AWAY = (psycopg.OperationalError, redis.RedisError, KafkaException, KafkaUnavailableError)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    root = argparse.ArgumentParser(
        "adclicks", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = root.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in _COMMANDS:
        module.add_to(commands)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. Returns 0, 1 where the answer is no (an audit that does not add up), 2 where it could not be done."""
    options = parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    _find_servers()
    try:
        return run(options)
    except (SettingsError, SchemaError) as error:
        return _fail(str(error))
    except psycopg.errors.UndefinedTable:
        return _fail("The database has no schema yet: run `adclicks migrate`")
    except _AWAY as error:
        return _fail(f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        return _fail("Interrupted.")


def _find_servers() -> None:
    """Where nothing says which servers to use, and ``make run`` runs here, its own."""
    ignore_libpq_variables()
    if found := local_stack.settings(environment(), Path.cwd()):
        print("Using the servers of `make run` (nothing else is set).", file=sys.stderr)
        os.environ.update(found)


def _fail(message: str) -> int:
    print(message.strip(), file=sys.stderr)
    return 2
