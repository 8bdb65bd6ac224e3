"""One process of a long run."""

import psycopg

from acceptance.check import Acceptance, Outcome
from adclicks import postgres, schema
from adclicks.settings import PostgresSettings, read

ROUND_CLICKS = 100_000


def database(index: int) -> str:
    """The name of process ``index``'s own database."""
    return f"acceptance_{index}"


def run(environment: dict[str, str], rounds: int, index: int, seed: int) -> Outcome:
    """``rounds`` rounds of ``ROUND_CLICKS``; ends early where PostgreSQL refuses a batch."""
    settings = read(PostgresSettings, {**environment, "DB_NAME": database(index)})
    with postgres.connect(settings, "adclicks-acceptance", autocommit=True) as connection:
        schema.migrate(connection)
        acceptance = Acceptance(connection, index, seed * 1_000 + index)
        for number in range(1, rounds + 1):
            try:
                acceptance.round(ROUND_CLICKS)
            except psycopg.Error as error:
                acceptance.outcome.mismatches.append(f"PostgreSQL refused a batch: {error}")
                break
            print(f"process {index}: round {number} of {rounds}, {acceptance.outcome.stored:,} stored", flush=True)  # noqa: T201
    return acceptance.outcome
