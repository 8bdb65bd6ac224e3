"""``adclicks dead-letters list`` and ``replay``."""

import argparse
from collections.abc import Iterator
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from adclicks import kafka
from adclicks.dead_letters import DeadLetter, parse
from adclicks.settings import KafkaSettings, read

_POLL_SECONDS = 5.0
_FLUSH_SECONDS = 30.0
_VALUE_SHOWN = 200
# Where the last replay ended is kept as this group's committed offset: a second replay does not send the same again.
_REPLAY_GROUP = "adclicks-dead-letters-replay"


def add_to(commands: Any) -> None:
    """Adds the commands."""
    command = commands.add_parser(
        "dead-letters",
        help="see, or send once more, the records that could not be read or stored",
        description="Works on <KAFKA_TOPIC>.dead. Needs KAFKA_ADDRESS.",
    )
    verbs = command.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = verbs.add_parser("list", help="print them: where each was, why it is here, and its value")
    listing.add_argument("--limit", type=int, default=100, help="how many at the most, newest last (default: 100)")
    listing.set_defaults(run=_list)
    replay = verbs.add_parser(
        "replay",
        help="send those that were not replayed yet to their topic again",
        description="Each click id counts once, so a replay can't count a click twice.",
    )
    replay.add_argument("--all", action="store_true", help="those that were replayed before as well")
    replay.add_argument("--dry-run", action="store_true", help="say what would be sent")
    replay.set_defaults(run=_replay)


def _list(options: argparse.Namespace) -> int:
    settings = read(KafkaSettings)
    shown = 0
    for _, letter in _letters(settings, from_start=True):
        if shown == options.limit:
            print(f"… and more (--limit {options.limit})")
            break
        shown += 1
        source = letter.source
        value = (letter.value or b"")[:_VALUE_SHOWN].decode(errors="backslashreplace")
        print(f"{source.topic}[{source.partition}]@{source.offset}: {letter.reason}\n    {value}")
    print(f"{shown} dead letters")
    return 0


def _replay(options: argparse.Namespace) -> int:
    settings = read(KafkaSettings)
    producer = Producer(kafka.client_config(settings, "adclicks-replay") | {"acks": "all", "enable.idempotence": True})
    failures: list[KafkaError] = []
    ends: dict[int, int] = {}
    sent = 0

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failures.append(error)

    for message, letter in _letters(settings, from_start=options.all):
        sent += 1
        if not options.dry_run:
            producer.produce(letter.source.topic, letter.value, letter.key, on_delivery=delivered)
            producer.poll(0)
        ends[message.partition() or 0] = (message.offset() or 0) + 1
    left = producer.flush(_FLUSH_SECONDS)
    if failures or left:
        raise kafka.KafkaUnavailableError(f"{len(failures) + left} of {sent} were not acknowledged; replay them again")
    if not options.dry_run:
        _remember(settings, ends)
    print(f"{sent} dead letters {'would be ' if options.dry_run else ''}sent again")
    return 0


def _letters(settings: KafkaSettings, *, from_start: bool) -> Iterator[tuple[Message, DeadLetter]]:
    consumer = _consumer(settings)
    try:
        yield from _read_to_end(consumer, settings, from_start=from_start)
    finally:
        consumer.close()


def _read_to_end(
    consumer: Consumer, settings: KafkaSettings, *, from_start: bool
) -> Iterator[tuple[Message, DeadLetter]]:
    topic = settings.dead_letter_topic
    client = kafka.admin(settings)
    marks = kafka.watermarks(client, topic, range(kafka.partition_count(client, topic)))
    starts = {partition: mark.low for partition, mark in marks.items()}
    if not from_start:
        for item in consumer.committed(
            [TopicPartition(topic, partition) for partition in marks], timeout=_POLL_SECONDS
        ):
            starts[item.partition] = max(starts[item.partition], item.offset)
    left = {partition for partition, mark in marks.items() if starts[partition] < mark.high}
    consumer.assign([TopicPartition(topic, partition, starts[partition]) for partition in left])
    while left:
        message = consumer.poll(_POLL_SECONDS)
        if message is None:
            raise kafka.KafkaUnavailableError(f"{topic} gave no record for {_POLL_SECONDS:.0f} s")
        error = message.error()
        if error is not None:
            raise KafkaException(error)
        partition, offset = message.partition() or 0, message.offset() or 0
        if offset + 1 >= marks[partition].high:
            left.discard(partition)
        try:
            yield message, parse(message)
        except ValueError as unreadable:
            print(f"passed over: {unreadable}")


def _remember(settings: KafkaSettings, ends: dict[int, int]) -> None:
    if not ends:
        return
    consumer = _consumer(settings)
    topic = settings.dead_letter_topic
    consumer.commit(offsets=[TopicPartition(topic, p, offset) for p, offset in ends.items()], asynchronous=False)
    consumer.close()


def _consumer(settings: KafkaSettings) -> Consumer:
    config = {"group.id": _REPLAY_GROUP, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    return Consumer(kafka.client_config(settings, "adclicks-dead-letters") | config)
