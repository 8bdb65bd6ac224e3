"""The published benchmark's verdict can be trusted: it passes where all is counted once, and fails where it is not."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.load import LOADTESTS
from testbed.installation import Installation
from testbed.polling import eventually
from testbed.services import Service

_BOUND_SECONDS = 120
_THRESHOLDS_CROSSED = 99


class Benchmark:
    """k6 with benchmark.js on an installation: 6 users with 6 clicks each."""

    def __init__(self, urls: dict[str, str], results: Path, **settings: str) -> None:
        self._file = results / f"benchmark-6x6-{settings['PACE']}"
        # A machine that is busy with the tests need not be fast: what is tested here is the count.
        service_level = {"P99_MS": "60000", "VISIBLE_MS": "60000"}
        sizes = {"ROW": "6", "SETTLE_SECONDS": "9"}
        variables = {**urls, **settings, **sizes, **service_level, "RESULTS": str(results)}
        words = [word for name, value in variables.items() for word in ("-e", f"{name}={value}")]
        k6 = shutil.which("k6") or pytest.fail("k6 is not installed: make setup")
        command = [k6, "run", "--quiet", "--no-usage-report", "--address", "", *words, str(LOADTESTS / "benchmark.js")]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def exit_code(self) -> int:
        """Once it has ended."""
        self.process.communicate(timeout=_BOUND_SECONDS)
        return self.process.returncode

    def result(self) -> dict[str, Any]:
        """The summary as JSON."""
        result: dict[str, Any] = json.loads(self._file.with_suffix(".json").read_text())
        return result

    def page(self) -> str:
        """The summary as HTML."""
        return self._file.with_suffix(".html").read_text()


@pytest.fixture(scope="module")
def urls(installation: Installation) -> dict[str, str]:
    """Where ingest and analytics listen."""
    return {
        "INGEST_URL": installation.service("ingest").url,
        "ANALYTICS_URL": installation.service("analytics").url,
    }


@pytest.fixture
def consumer(installation: Installation) -> Iterator[Service]:
    """A pool of this test's own."""
    service = installation.service("consumer")
    yield service
    service.kill()


def test_it_passes_when_every_click_is_counted_once(urls: dict[str, str], consumer: Service, tmp_path: Path) -> None:
    """All 36 are sent, acknowledged and queryable; the page shows it without loading anything from elsewhere."""
    benchmark = Benchmark(urls, tmp_path, PACE="fast")
    assert benchmark.exit_code() == 0
    ledger = benchmark.result()["ledger"]
    assert (ledger["sent"], ledger["acknowledged"], ledger["queryable"]) == (36, 36, 36)
    assert (ledger["lost"], ledger["counted_twice"], ledger["audit_adds_up"]) == (0, 0, True)
    page = benchmark.page()
    assert page.count("<svg") >= 3
    assert "src=" not in page
    assert "://" not in page


def test_it_fails_when_the_consumer_is_stopped_for_good(
    installation: Installation, urls: dict[str, str], consumer: Service, tmp_path: Path
) -> None:
    """In mid-run: what was acknowledged and can't be queried is named as lost."""
    before = sum(installation.counts().values())
    benchmark = Benchmark(urls, tmp_path, PACE="paced", PACE_SECONDS="12")

    def some_are_counted() -> None:
        assert sum(installation.counts().values()) > before + 2

    eventually(some_are_counted)
    consumer.kill()
    assert benchmark.exit_code() == _THRESHOLDS_CROSSED
    assert benchmark.result()["ledger"]["acknowledged"] == 36
    assert benchmark.result()["ledger"]["lost"] > 0
