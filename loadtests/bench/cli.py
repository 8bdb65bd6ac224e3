"""The command line of the bench."""

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NoReturn

from bench import record, result
from bench.figures import FIGURES
from bench.load import LOADTESTS
from bench.measurement import Measurement, NotMeasured
from bench.result import Found
from bench.sizes import FULL, QUICK, Sizes
from bench.table import cost_table, table
from bench.targets import QUESTIONS
from bench.workplace import opened
from localstack.child import StartError
from localstack.services import workers

RESULTS = LOADTESTS / "results"
_DESCRIPTION = """Measures P1 to P8 on a pipeline of its own, started on an empty store and ended with the bench, and beside
each figure what the machine itself can do."""


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    figures: tuple[str, ...]
    sizes: Sizes
    quick: bool
    keep: bool
    ingest_workers: int
    consumer_workers: tuple[int, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0; 1 where a click was lost or counted twice, nothing was measured, or a recorded ratio got worse."""
    options = _options(arguments)
    # As an exception, so that everything that was started is ended on the way out.
    signal.signal(signal.SIGTERM, _terminate)
    try:
        found = _measure(options)
    except StartError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; nothing is left running.", file=sys.stderr)
        return 1
    print("\n" + table(found.measurements, found.missing, judged=not options.quick) + "\n")
    if found.costs:
        print(cost_table(found.costs) + "\n")
    whole = result.result_of(found, _command(), datetime.now(UTC), quick=options.quick)
    result.write(whole, RESULTS / ("bench-quick.json" if options.quick else "bench.json"))
    worse = _compare(found.measurements, options)
    return int(bool(not found.measurements or worse or any(item.wrong for item in found.measurements)))


def _measure(options: Options) -> Found:
    found = Found()
    RESULTS.mkdir(parents=True, exist_ok=True)
    with opened(options.sizes, options.ingest_workers, options.consumer_workers, _say) as place:
        for name in options.figures:
            _say(f"{name}: {QUESTIONS[name]}")
            try:
                found.measurements.extend(FIGURES[name](place))
            except (NotMeasured, StartError, TimeoutError) as error:
                found.missing[name] = str(error)
        found.costs.update(place.costs)
    return found


def _compare(measurements: Sequence[Measurement], options: Options) -> bool:
    """Prints what moved; true where something got worse."""
    if options.keep:
        record.write(measurements, quick=options.quick)
        print(f"Recorded in {record.FILE.name}.")
        return False
    recorded = record.read()
    known = recorded.quick if options.quick else recorded.full
    changes = record.moved(measurements, known)
    for change in changes:
        print(change)
    if not changes:
        compared = sum(item.key in known for item in measurements)
        print(f"No ratio moved by more than {record.MOVED:.0%} ({compared} of {len(measurements)} have a record).")
    return options.quick and any(change.worse for change in changes)


def _options(arguments: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser("bench", description=_DESCRIPTION)
    parser.add_argument("--only", type=_figures, default=tuple(FIGURES), metavar="P1,P4", help="these figures alone")
    parser.add_argument("--quick", action="store_true", help="little of everything, compared to the recorded ratios")
    parser.add_argument("--record", action="store_true", help="record the ratios of this run")
    parser.add_argument(
        "--ingest-workers",
        type=_count,
        default=workers(os.cpu_count() or 1),
        help="where no core is pinned (%(default)s, as `make run` has here)",
    )
    parser.add_argument(
        "--consumer-workers", type=_counts, default=(1, 2), metavar="1,2", help="sizes of the pool to try"
    )
    parser.add_argument("--clicks", type=_count, help="the backlog of P4, in clicks")
    parser.add_argument("--history", type=_count, help="the history of P5 and P6, in clicks")
    given = parser.parse_args(arguments)
    sizes = QUICK if given.quick else FULL
    sizes = replace(sizes, backlog=given.clicks or sizes.backlog, history=given.history or sizes.history)
    return Options(given.only, sizes, given.quick, given.record, given.ingest_workers, given.consumer_workers)


def _figures(text: str) -> tuple[str, ...]:
    names = tuple(name.strip().upper() for name in text.split(","))
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: there are {', '.join(FIGURES)}")
    return names


def _count(text: str) -> int:
    if not text.replace("_", "").isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, not {text}")
    return int(text)


def _counts(text: str) -> tuple[int, ...]:
    return tuple(_count(part) for part in text.split(","))


def _command() -> str:
    return shlex.join(["python", "-m", "bench", *sys.argv[1:]])


def _say(text: str) -> None:
    print(f"• {text}", flush=True)


def _terminate(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt
