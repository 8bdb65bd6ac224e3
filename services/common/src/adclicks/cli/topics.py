"""``adclicks create-topics``."""

import argparse
from typing import Any

from adclicks import kafka
from adclicks.settings import KafkaSettings, read, whole


def add_to(commands: Any) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "create-topics",
        help="make the topics of the clicks and of the dead letters where they are missing",
        description="Makes KAFKA_TOPIC and <KAFKA_TOPIC>.dead where they are missing; what is there stays as it is. "
        "Needs KAFKA_ADDRESS.",
    )
    command.add_argument(
        "--partitions", type=_count, default=12, help="how many consumers can share the clicks (default: 12)"
    )
    command.add_argument("--replication-factor", type=_count, default=1, help="copies of each click (default: 1)")
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    settings = read(KafkaSettings)
    made = kafka.create_topics(kafka.admin(settings), settings, options.partitions, options.replication_factor)
    for name in (settings.topic, settings.dead_letter_topic):
        print(f"{name}: {'made' if name in made else 'is there'}")
    return 0


def _count(value: str) -> int:
    try:
        return whole(1, 10_000)(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must {error}") from None
