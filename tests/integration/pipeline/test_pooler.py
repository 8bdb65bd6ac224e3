"""A pooler that shares sessions among its clients is recognised at the start, and the remedy is named; another one works."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from adclicks import pooling, postgres
from adclicks.settings import PostgresSettings, read
from localstack.ports import HOST, free_port
from testbed.installation import Installation
from testbed.polling import eventually
from testbed.transaction_pooler import TransactionPooler

_REMEDY = "pool_mode = session"


@pytest.fixture(scope="module")
def pooler(installation: Installation) -> Iterator[TransactionPooler]:
    """In front of the installation's database."""
    settings = installation.postgres
    with TransactionPooler(settings.port, settings.name, settings.user, settings.password) as pooler:
        yield pooler


def check(settings: PostgresSettings) -> None:
    """As the services do, with what they connect with."""
    with postgres.connect(settings, "test", autocommit=True, target="read-write") as connection:
        pooling.require_own_session(connection, settings)


def test_a_session_of_its_own_is_none_of_a_pooler(installation: Installation) -> None:
    """Without a pooler."""
    check(installation.postgres)


def test_migrate_says_what_to_set(installation: Installation, pooler: TransactionPooler) -> None:
    """Exit code 2 and the sentence, no traceback. An old version that refuses `options` is reached all the same."""
    ended = installation.adclicks("migrate", DB_PORT=str(pooler.port))

    assert ended.returncode == 2, ended
    assert _REMEDY in ended.stderr
    assert "Traceback" not in ended.stderr


def test_analytics_is_not_ready_and_says_why(installation: Installation, pooler: TransactionPooler) -> None:
    """An answer is 503, not 500."""
    service = installation.service("analytics", ready_path="/healthz/live", DB_PORT=str(pooler.port))

    def look() -> None:
        ready = service.get("/healthz/ready")
        assert ready.status == 503
        assert _REMEDY in ready.error["details"][0]["error"]

    eventually(look)
    assert service.get("/ads").status == 503
    service.stop()


def test_the_consumer_waits_and_says_why(installation: Installation, pooler: TransactionPooler) -> None:
    """Its log names the remedy, for the workers and for upkeep."""
    service = installation.service("consumer", ready_path="/healthz/live", DB_PORT=str(pooler.port))

    def look() -> None:
        assert service.log_text().count(_REMEDY) >= 2

    eventually(look)
    service.stop()


@pytest.mark.skipif(shutil.which("pgbouncer") is None, reason="PgBouncer is not installed")
@pytest.mark.parametrize(("mode", "is_refused"), [("session", False), ("transaction", True), ("statement", True)])
def test_the_real_pgbouncer(installation: Installation, tmp_path: Path, mode: str, is_refused: bool) -> None:
    """In each of its modes."""
    settings, port = installation.postgres, free_port()
    (tmp_path / "users").write_text(f'"{settings.user}" "{settings.password}"\n')
    (tmp_path / "ini").write_text(
        f"[databases]\n* = host={settings.host} port={settings.port}\n[pgbouncer]\nlisten_addr = {HOST}\n"
        f"listen_port = {port}\nauth_type = plain\nauth_file = {tmp_path}/users\npool_mode = {mode}\nunix_socket_dir =\n"
    )
    for path in (tmp_path, *tmp_path.parents[:2], *tmp_path.iterdir()):
        path.chmod(0o755)
    settings = read(PostgresSettings, {**installation.environment, "DB_PORT": str(port), "DB_SSL": "disable"})
    # It refuses to run as root.
    bouncer = subprocess.Popen(["pgbouncer", "-u", "nobody", str(tmp_path / "ini")], stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: _connects(settings))
        if is_refused:
            with pytest.raises(pooling.TransactionPoolingError, match=_REMEDY):
                check(settings)
        else:
            check(settings)
    finally:
        bouncer.terminate()
        bouncer.wait(30)


def _connects(settings: PostgresSettings) -> None:
    try:
        postgres.connect(settings, "test").close()
    except psycopg.OperationalError as error:
        raise AssertionError(str(error)) from error
