"""``adclicks``: what an operator does by hand. One module a command; each adds itself to the parser."""

import argparse
import sys
from collections.abc import Callable, Sequence

import psycopg
import redis
from confluent_kafka import KafkaException

from adclicks.cli import audit, dead_letters, migrate, rebuild_cache, send, topics
from adclicks.kafka import KafkaUnavailableError
from adclicks.schema import SchemaError
from adclicks.settings import SettingsError

_DESCRIPTION = """Looks after Ads Click Tracking: the schema, the topics, the audit, dead letters, the cache.
Where things are is read from the environment, or from a file .env in the working folder
(DB_HOST, DB_USER, DB_PASSWORD, KAFKA_ADDRESS, REDIS_ADDR …); --help of a command names what it needs."""
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


def _fail(message: str) -> int:
    print(message.strip(), file=sys.stderr)
    return 2
