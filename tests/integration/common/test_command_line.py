"""`adclicks`: what an operator does by hand. 0 is done, 1 is no, 2 could not be done; never a traceback."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from psycopg import sql

from adclicks import kafka, schema
from testbed.clicks import encode, new_click
from testbed.installation import Installation
from testbed.polling import eventually


def assert_could_not(ended: "subprocess.CompletedProcess[str]", *words: str) -> None:
    """Exit code 2, and a sentence on standard error that has ``words``."""
    assert ended.returncode == 2, ended
    assert all(word in ended.stderr for word in words), ended.stderr
    assert "Traceback" not in ended.stderr


def empty_database(installation: Installation, name: str) -> str:
    """A database without a schema."""
    with installation.connect() as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return name


@pytest.mark.parametrize(
    "command",
    [
        "",
        "migrate",
        "create-topics",
        "audit",
        "dead-letters",
        "dead-letters list",
        "dead-letters replay",
        "rebuild-cache",
        "send",
    ],
)
def test_every_command_explains_itself(installation: Installation, command: str) -> None:
    """--help needs no settings."""
    ended = installation.adclicks(*command.split(), "--help", DB_HOST="", KAFKA_ADDRESS="", REDIS_ADDR="")

    assert ended.returncode == 0
    assert ended.stdout.startswith("usage: adclicks")


def test_migrations_apply_once_also_when_several_start_at_once(installation: Installation) -> None:
    """Each exactly once, and all of them end well."""
    name = empty_database(installation, "migrated_by_many")
    with ThreadPoolExecutor(3) as threads:
        ended = list(threads.map(lambda _: installation.adclicks("migrate", DB_NAME=name), range(3)))

    assert [one.returncode for one in ended] == [0, 0, 0], ended
    applied = [line for one in ended for line in one.stdout.splitlines() if line.startswith("applied")]
    assert sorted(applied) == [f"applied {migration.name}" for migration in schema.migrations()]
    assert all(f"version {schema.required_version()}" in one.stdout for one in ended)


def test_topics_are_made_where_they_are_missing(installation: Installation) -> None:
    """Both, once; what is there stays as it is."""
    first = installation.adclicks("create-topics", "--partitions", "3", KAFKA_TOPIC="made-by-hand")
    second = installation.adclicks("create-topics", "--partitions", "5", KAFKA_TOPIC="made-by-hand")

    assert first.stdout.splitlines() == ["made-by-hand: made", "made-by-hand.dead: made"], first.stderr
    assert second.stdout.splitlines() == ["made-by-hand: is there", "made-by-hand.dead: is there"], second.stderr

    def has_three_partitions() -> None:
        assert kafka.partition_count(installation.admin, "made-by-hand") == 3

    eventually(has_three_partitions)


def test_the_audit_says_whether_it_adds_up(installation: Installation) -> None:
    """0 where it does, 1 where a counter was tampered with; as a table or as JSON; a recount finds a wrong sum."""
    consumer = installation.service("consumer")
    installation.produce([encode(new_click(timestamp="2025-09-06T00:00:00Z")) for _ in range(10)])
    installation.settled()
    consumer.stop()

    good = installation.adclicks("audit", "--recount")
    assert (good.returncode, "counters: 10 clicks, 0 duplicates" in good.stdout) == (0, True), good.stdout
    document = json.loads(installation.adclicks("audit", "--json").stdout)
    assert (document["addsUp"], document["total"]["stored"], document["total"]["lag"]) == (True, 10, 0)

    installation.sql("update clicks_by_minute set clicks = clicks + 1")
    assert installation.adclicks("audit").returncode == 0
    recounted = installation.adclicks("audit", "--recount")
    assert recounted.returncode == 1
    assert "sums that differ from their raw clicks" in recounted.stdout

    installation.sql("update ad_totals set clicks = clicks + 1 where clicks > 0")
    bad = installation.adclicks("audit")
    assert bad.returncode == 1
    assert "NO" in bad.stdout


def test_the_settings_say_where_the_database_is(installation: Installation) -> None:
    """Whatever libpq would read from the environment of a pod: another server, another zone, another order of dates."""
    pod = {"PGHOSTADDR": "192.0.2.1", "PGSERVICE": "other", "PGTZ": "Asia/Tokyo", "PGDATESTYLE": "German"}
    ended = installation.adclicks("audit", **pod, PGSSLMODE="require", PGOPTIONS="-c no_such_setting=1")

    assert ended.returncode in {0, 1}, ended.stderr
    assert "counters:" in ended.stdout


def test_the_audit_needs_no_kafka(installation: Installation) -> None:
    """Without it the lag is unknown, and the rest is said."""
    ended = installation.adclicks("audit", KAFKA_ADDRESS="")

    assert "no lag" in ended.stdout
    assert "?" in ended.stdout
    assert ended.returncode in {0, 1}


def test_what_is_missing_is_named(installation: Installation) -> None:
    """Settings, the schema, the topic, the servers: each with what to do."""
    assert_could_not(installation.adclicks("migrate", DB_HOST="", DB_PORT="x"), "DB_HOST", "DB_PORT")
    name = empty_database(installation, "without_a_schema")
    assert_could_not(installation.adclicks("audit", DB_NAME=name), "adclicks migrate")
    assert_could_not(installation.adclicks("migrate", DB_PORT="1"), "OperationalError")
    assert_could_not(installation.adclicks("rebuild-cache", REDIS_ADDR="127.0.0.1:1"), "ConnectionError")
    missing = installation.adclicks("dead-letters", "list", KAFKA_TOPIC="nobody-made-this")
    assert_could_not(missing, "nobody-made-this")


@pytest.mark.parametrize(
    "options", [["--duplicates", "2"], ["--count", "0"], ["--rate", "fast"], ["--url", "localhost:8080"], ["--ad", "x"]]
)
def test_wrong_options_of_send_are_named(installation: Installation, options: list[str]) -> None:
    """By argparse, with the rule."""
    assert_could_not(installation.adclicks("send", *options), options[0])


def test_send_says_what_was_not_accepted(installation: Installation) -> None:
    """Nobody listens: exit code 1, and how often it failed."""
    ended = installation.adclicks("send", "--url", "http://127.0.0.1:1", "--count", "5")

    assert ended.returncode == 1
    assert "0 accepted, 5 not" in ended.stdout
