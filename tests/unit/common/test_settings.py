"""Settings: all errors at once, by name; secrets never shown; .env below the environment."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from adclicks.settings import (
    KafkaSettings,
    PostgresSettings,
    RedisSettings,
    SettingsError,
    describe,
    host_port,
    host_ports,
    ignore_libpq_variables,
    number,
    read,
    read_or_exit,
    setting,
    text,
    topic_name,
    whole,
)

DATABASE = {"DB_HOST": "db", "DB_USER": "ads", "DB_PASSWORD": "hunter2"}


@dataclass(frozen=True)
class Both:
    """Groups and a setting beside them."""

    kafka: KafkaSettings
    postgres: PostgresSettings
    size: int = setting("SIZE", "how large", whole(1, 9), 3)


def test_defaults_are_the_documented_ones() -> None:
    """Only what has no default is needed."""
    settings = read(Both, {**DATABASE, "KAFKA_ADDRESS": "one:9092,two:9093"})

    assert settings.kafka.topic == "clicks"
    assert settings.kafka.dead_letter_topic == "clicks.dead"
    assert (settings.postgres.port, settings.postgres.name, settings.postgres.dialect) == (5432, "ads", "postgres")
    assert settings.size == 3


def test_all_problems_are_reported_at_once_by_name() -> None:
    """Missing ones and wrong ones, of every group."""
    with pytest.raises(SettingsError) as caught:
        read(Both, {"DB_PORT": "0", "DB_SSL": "maybe", "DB_DIALECT": "mysql", "SIZE": "ten", "KAFKA_TOPIC": "a b"})

    names = [problem.split()[0] for problem in caught.value.problems]
    assert sorted(names) == sorted(
        ["DB_HOST", "DB_USER", "DB_PASSWORD", "KAFKA_ADDRESS", "DB_PORT", "DB_SSL", "DB_DIALECT", "SIZE", "KAFKA_TOPIC"]
    )
    assert "SIZE must be a whole number from 1 to 9" in str(caught.value)
    assert "DB_SSL must be one of disable" in str(caught.value)


def test_an_empty_variable_counts_as_unset() -> None:
    """Charts and compose files write "" for what was left out."""
    settings = read(RedisSettings, {"REDIS_ADDR": "cache:6379", "REDIS_PASSWORD": "", "REDIS_DB": ""})

    assert (settings.address, settings.password, settings.db) == (("cache", 6379), None, 0)


def test_secrets_are_not_shown() -> None:
    """Neither in what an instance looks like, nor in the error of another setting."""
    settings = read(PostgresSettings, DATABASE)
    assert settings.password == "hunter2"
    assert "hunter2" not in repr(settings)
    with pytest.raises(SettingsError) as caught:
        read(PostgresSettings, {**DATABASE, "DB_PORT": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_a_file_env_is_read_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the working folder."""
    (tmp_path / ".env").write_text('REDIS_ADDR=file:1\nREDIS_DB="7"\nNOT_OURS\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REDIS_ADDR", "environment:2")
    monkeypatch.delenv("REDIS_DB", raising=False)

    settings = read(RedisSettings)

    assert (settings.address, settings.db) == (("environment", 2), 7)


def test_a_service_that_can_t_start_says_all_of_it_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, on standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REDIS_ADDR", raising=False)
    monkeypatch.setenv("REDIS_DB", "-1")

    with pytest.raises(SystemExit) as ended:
        read_or_exit(RedisSettings)

    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "REDIS_ADDR is not set" in printed.err
    assert "REDIS_DB must" in printed.err


def test_settings_describe_themselves() -> None:
    """For the documentation: each variable, its default, its meaning; groups included."""
    rows = {name: (default, doc) for name, default, doc in describe(Both)}

    assert rows["SIZE"] == ("3", "how large")
    assert rows["DB_HOST"][0] == "required"
    assert "KAFKA_TOPIC" in rows


@pytest.mark.parametrize("value", ["", " ", "1.0", "+1", "1_0", "٣", "0x1", "10", "0", "-1", "1" * 30, "1\n"])
def test_only_whole_numbers_in_bounds_are_taken(value: str) -> None:
    """Not what Python's int() would take as well."""
    with pytest.raises(ValueError, match="whole number from 1 to 9"):
        whole(1, 9)(value)


@pytest.mark.parametrize("value", ["nan", "inf", "1e3", ".5", "1.", "-0.1", "1.1", "1,0"])
def test_only_decimal_numbers_in_bounds_are_taken(value: str) -> None:
    """nan is in no bounds."""
    with pytest.raises(ValueError, match="number from 0 to 1"):
        number(0, 1)(value)


def test_addresses_are_host_and_port() -> None:
    """IPv6 in brackets; several for Kafka."""
    assert host_port("localhost:6379") == ("localhost", 6379)
    assert host_port("[::1]:6379") == ("::1", 6379)
    assert host_ports("a:1, b:2") == "a:1, b:2"
    for wrong in ("localhost", ":6379", "a:0", "a:65536", "a:b", "::1:6379", "http://a:1", "a:1/", "a b:1"):
        with pytest.raises(ValueError, match="host:port"):
            host_port(wrong)
        with pytest.raises(ValueError, match="host:port"):
            host_ports(f"a:1,{wrong}")


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "ä", "a/b", "x" * 241])
def test_topic_names_are_kafkas(name: str) -> None:
    """With room for the suffix of the dead letters."""
    with pytest.raises(ValueError, match="Kafka topic name"):
        topic_name(name)


def test_text_is_any_text() -> None:
    """As it is."""
    assert text(" a ") == " a "


def test_what_contradicts_the_settings_of_the_database_is_not_left_to_libpq(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the server is and how a session behaves; what completes TLS or a login to it stays."""
    for name in ("PGHOSTADDR", "PGSERVICE", "PGOPTIONS", "PGTZ", "PGDATESTYLE", "PGSSLCERT", "PGTARGETSESSIONATTRS"):
        monkeypatch.setenv(name, "x")
    ignore_libpq_variables()
    assert sorted(name for name in os.environ if name.startswith("PG")) == ["PGSSLCERT", "PGTARGETSESSIONATTRS"]
