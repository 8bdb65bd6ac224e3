"""Sends many random clicks that ingest accepts into a PostgreSQL of its own. Exit 0: all are stored as meant."""

import argparse
import multiprocessing
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from psycopg import sql

from acceptance.check import Outcome
from acceptance.process import ROUND_CLICKS, database, run
from localstack.stack import InfraStack


def main() -> int:
    """See the module."""
    options = _options()
    started = time.monotonic()
    # Whole rounds, and a hundredth more for the damaged ones that ingest refuses: what is asked for is a lower bound.
    rounds = -(-options.clicks * 51 // (ROUND_CLICKS * options.processes * 50))
    with (
        InfraStack() as infra,
        ProcessPoolExecutor(options.processes, multiprocessing.get_context("spawn")) as processes,
    ):
        environment = infra.environment
        with infra.postgres.connect() as connection:
            for index in range(options.processes):
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(database(index))))
        work = partial(run, environment, rounds)
        outcomes = list(processes.map(work, range(options.processes), [options.seed] * options.processes))
    return _report(outcomes, time.monotonic() - started)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m acceptance", description=__doc__)
    parser.add_argument(
        "--clicks", type=int, default=10_000_000, help="accepted clicks, at least (default: 10,000,000)"
    )
    parser.add_argument("--processes", type=int, default=2, help="each with a database of its own (default: 2)")
    parser.add_argument("--seed", type=int, default=1, help="another seed makes other clicks (default: 1)")
    return parser.parse_args()


def _report(outcomes: Sequence[Outcome], seconds: float) -> int:
    accepted = sum(outcome.accepted for outcome in outcomes)
    stored = sum(outcome.stored for outcome in outcomes)
    refused = sum(outcome.refused_by_ingest for outcome in outcomes)
    mismatches = [mismatch for outcome in outcomes for mismatch in outcome.mismatches]
    lines = [
        f"{accepted:,} clicks accepted, {stored:,} stored, {len(mismatches)} not as meant; "
        f"{refused:,} damaged ones refused by ingest; {seconds:.0f} s",
        *mismatches,
    ]
    print("\n".join(lines))  # noqa: T201
    return 0 if accepted == stored and not mismatches else 1


if __name__ == "__main__":
    sys.exit(main())
