"""What the local stack takes from its user's environment."""

import sys
from pathlib import Path

import pytest

from adclicks.cli import local_stack
from adclicks.http.settings import HttpSettings
from adclicks.settings import read
from localstack import environment, stack_file
from localstack.child import StartError
from localstack.jars import cache_folder, fetch
from localstack.settings import LocalSettings

MIXED = {
    "DB_HOST": "db.example.com",
    "KAFKA_CA_FILE": "/ca.crt",
    "REDIS_TLS": "",
    "CONSUMER_BATCH_MS": "50",
    "KAFKA_LINGER_MS": "1",
    "KAFKA_TOPIC": "mine",
    "PORT": "9000",
    "LISTEN_ADDRESS": "10.0.0.1",
    "PGSSLMODE": "require",
    "EDITOR": "vi",
}


def test_other_servers_are_named_and_not_used() -> None:
    """An empty variable names none; the topic and the ports are settings of the stack."""
    assert environment.unused(MIXED) == ["DB_HOST", "KAFKA_CA_FILE"]


def test_what_tunes_the_services_is_theirs() -> None:
    """Neither where servers are, nor what the stack decides itself."""
    assert environment.tuning(MIXED) == {"CONSUMER_BATCH_MS": "50", "KAFKA_LINGER_MS": "1"}


def test_only_python_is_told_where_libraries_are() -> None:
    """The embedded servers have their own."""
    told = {"LD_LIBRARY_PATH": "/opt/lib", "PATH": "/bin"}
    assert environment.for_program(told, sys.executable)["LD_LIBRARY_PATH"] == "/opt/lib"
    assert "LD_LIBRARY_PATH" not in environment.for_program(told, "/usr/bin/java")


def test_a_command_finds_a_stack_that_runs(tmp_path: Path) -> None:
    """Where its data is, and only as long as it runs; values may need quotes."""
    where = {"DB_HOST": "127.0.0.1", "DB_PASSWORD": "a 'b\" $c #d"}
    remove = stack_file.write(tmp_path, where)
    assert local_stack.settings({"ADCLICKS_DATA_DIR": str(tmp_path)}, Path("/")) == where
    assert local_stack.settings({"ADCLICKS_DATA_DIR": "."}, tmp_path) == where
    remove()
    assert local_stack.settings({"ADCLICKS_DATA_DIR": str(tmp_path)}, Path("/")) == {}


@pytest.mark.parametrize("name", ["DB_HOST", "KAFKA_ADDRESS", "REDIS_ADDR", "DB_NAME"])
def test_a_command_that_is_told_of_a_server_asks_no_other(tmp_path: Path, name: str) -> None:
    """Not even for what it was not told, and also where the variable is empty."""
    stack_file.write(tmp_path, {"DB_HOST": "127.0.0.1"})
    assert local_stack.settings({"ADCLICKS_DATA_DIR": str(tmp_path), name: ""}, Path("/")) == {}


def test_it_listens_where_localhost_is() -> None:
    """Unless it is told otherwise; a service listens on several addresses."""
    assert "127.0.0.1" in read(LocalSettings, {}).addresses
    assert read(LocalSettings, {"LISTEN_ADDRESS": "10.0.0.1,::1"}).addresses == ("10.0.0.1", "::1")
    assert read(HttpSettings, {"LISTEN_ADDRESS": "127.0.0.1, ::1"}).binds == ["127.0.0.1:8080", "[::1]:8080"]


def test_a_cache_that_can_t_be_used_is_named(tmp_path: Path) -> None:
    """Java's class path has no way to write a colon; a file is no folder."""
    with pytest.raises(StartError, match="XDG_CACHE_HOME"):
        cache_folder({"XDG_CACHE_HOME": "/a:b"}, Path("/home/x"))
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match="XDG_CACHE_HOME"):
        fetch(tmp_path / "file", lambda _done, _all: None)
    assert cache_folder({"XDG_CACHE_HOME": "relative"}, Path("/home/x")) == Path("/home/x/.cache/adclicks")
