"""``make faults-kafka``: all setups at once, each on a stack of its own; a table at the end."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

from kafkafaults import trial
from kafkafaults.faults import SETUPS, Setup, faults, share
from kafkafaults.stack import running
from kafkafaults.table import row, table
from kafkafaults.trial import Outcome
from localstack.child import StartError
from testbed.load import Load

RESULTS = Path(__file__).parent.parent / "results" / "kafka-faults.md"


@dataclass(frozen=True)
class Options:
    """From the command line."""

    freezes: int
    kills: int
    seconds: tuple[float, float]
    clicks_per_second: float
    seed: int
    patience_seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 where something was lost, counted twice, or not read in time."""
    options = _options(arguments)
    print(f"seed {options.seed}, {os.cpu_count()} cores", flush=True)
    freezes, kills = share(options.freezes, len(SETUPS)), share(options.kills, len(SETUPS))
    outcomes: dict[Setup, list[Outcome]] = {setup: [] for setup in SETUPS}
    with ThreadPoolExecutor(len(SETUPS)) as threads:
        parts = [
            threads.submit(_try, setup, freeze, kill, options, outcomes[setup])
            for setup, freeze, kill in zip(SETUPS, freezes, kills, strict=True)
        ]
        ended_early = [not part.result() for part in parts]
    text = table(outcomes)
    print(text)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, seed {options.seed}\n\n{text}")
    return int(any(ended_early) or any(_failed(outcome) for found in outcomes.values() for outcome in found))


def _try(setup: Setup, freezes: int, kills: int, options: Options, outcomes: list[Outcome]) -> bool:
    """Adds to ``outcomes``. False where the stack came to an end before all was tried, or does not add up at the end."""
    random = Random(f"{options.seed} {setup.name}")  # noqa: S311 which faults, not a secret
    try:
        with running(setup) as stack:
            load = Load(stack.ingest.url, clicks_per_second=options.clicks_per_second)
            with load.running():
                for fault in faults(setup, freezes, kills, options.seconds, random):
                    outcomes.append(trial.run(stack, load, fault, options.patience_seconds))
                    print(row(setup, outcomes[-1]), flush=True)
            # Every sum, Redis and the raw rows, against what the clients were promised.
            load.assert_counted(stack.installation)
    except (StartError, AssertionError) as error:
        # The other stacks go on.
        print(f"{setup.name} | ended: {error}", flush=True)
        return False
    print(f"{setup.name} | {len(load.acknowledged)} clicks acknowledged, each counted once", flush=True)
    return True


def _failed(outcome: Outcome) -> bool:
    return None in {outcome.read_seconds, outcome.acknowledged_seconds} or outcome.lost > 0 or outcome.double != 0


def _options(arguments: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="make faults-kafka", description=__doc__)
    parser.add_argument("--freezes", type=int, default=50)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--shortest", type=float, default=5.0, help="seconds")
    parser.add_argument("--longest", type=float, default=120.0, help="seconds")
    parser.add_argument("--clicks", type=float, default=100.0, help="a second, to each of the four stacks")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--patience", type=float, default=60.0, help="seconds after Kafka's return")
    asked = parser.parse_args(arguments)
    return Options(
        asked.freezes, asked.kills, (asked.shortest, asked.longest), asked.clicks, asked.seed, asked.patience
    )


if __name__ == "__main__":
    sys.exit(main())
