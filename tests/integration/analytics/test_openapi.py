"""analytics does what its own description says."""

from pathlib import Path

from testbed import described_api
from testbed.services import Service


def test_every_answer_is_described(analytics: Service, tmp_path: Path) -> None:
    """Statuses, kinds, headers and bodies as described; good data taken, bad data refused; no 5xx."""
    config = Path(__file__).with_name("schemathesis.toml")
    described_api.check(analytics.url, tmp_path, config, 20, "--phases=examples,coverage,fuzzing,stateful")

    assert "Traceback" not in analytics.log_text()
