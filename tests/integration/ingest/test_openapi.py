"""ingest does what its own description says."""

from pathlib import Path

from testbed import described_api
from testbed.services import Service


def test_every_answer_is_described(ingest: Service, tmp_path: Path) -> None:
    """Statuses, kinds, headers and bodies as described; good data taken, bad data refused; no 5xx."""
    described_api.check(ingest.url, tmp_path, Path(__file__).with_name("schemathesis.toml"))

    assert "Traceback" not in ingest.log_text()
