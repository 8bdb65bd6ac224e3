"""``adclicks dead-letters list`` and ``replay``."""

import argparse
import contextlib
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from adclicks.dead_letter_log import DeadLetterLog
from adclicks.dead_letters import DeadLetter
from adclicks.originals import Originals
from adclicks.replay import Replay
from adclicks.settings import KafkaSettings, read

_VALUE_SHOWN = 200


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
        description="Each click id counts once, so a replay can't count a click twice. Interrupted, it goes on where it was. "
        "A letter that was cut is sent whole, from its topic, while that still has it. Ends with 1 where one can't be sent.",
    )
    replay.add_argument("--all", action="store_true", help="those that were replayed before as well")
    replay.add_argument("--dry-run", action="store_true", help="say what would be sent")
    replay.set_defaults(run=_replay)


def _list(options: argparse.Namespace) -> int:
    shown = 0
    with contextlib.closing(DeadLetterLog(read(KafkaSettings))) as log:
        for entry in log.read(log.first()):
            if shown == options.limit:
                print(f"… and more (--limit {options.limit})")
                break
            if entry.letter is None:
                print(f"passed over: {entry.problem}")
                continue
            shown += 1
            print(_lines(entry.letter))
    print(f"{shown} dead letters")
    return 0


def _lines(letter: DeadLetter) -> str:
    lines = [f"{letter.source}: {letter.reason}"]
    if letter.original is not None:
        lines.append(
            f"cut: of a key of {letter.original.key_bytes} bytes and a value of {letter.original.value_bytes} (SHA-256 "
            f"{letter.original.value_sha256}) only the beginning is here; the record is where it was while its topic keeps it"
        )
    lines.append((letter.value or b"")[:_VALUE_SHOWN].decode(errors="backslashreplace"))
    return "\n    ".join(lines)


def _replay(options: argparse.Namespace) -> int:
    settings = read(KafkaSettings)
    columns = (TextColumn("dead letters"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(contextlib.closing(DeadLetterLog(settings)))
        originals = stack.enter_context(contextlib.closing(Originals(settings)))
        positions = log.first() if options.all else log.unreplayed()
        entries = (entry for entry in log.read(positions) if options.all or not log.is_replayed(entry))
        # Beside the output, so that this can be piped.
        progress = stack.enter_context(Progress(*columns, console=Console(stderr=True), redirect_stdout=False))
        task = progress.add_task("dead letters", total=log.count(positions))
        replay = Replay(log, originals, settings, print, lambda count: progress.advance(task, count))
        stack.callback(_conclude, replay, dry_run=options.dry_run)
        (replay.rehearse if options.dry_run else replay.run)(entries)
    return 1 if replay.refused else 0


def _conclude(replay: Replay, *, dry_run: bool) -> None:
    print(f"{replay.sent} dead letters {'would be ' if dry_run else ''}sent again")
    if replay.refused:
        print(f"{replay.refused} can't be; they are named above")
