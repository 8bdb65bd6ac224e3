"""The alerts fire when they should, and each has a runbook."""

import subprocess
from pathlib import Path

import pytest
import yaml

from chart.conftest import CHART, ROOT, Render, template

RULES = ("--values", str(CHART / "values-kind.yaml"), "--set", "monitoring.rules.enabled=true")


def test_each_alert_fires_on_what_it_is_for_and_on_nothing_else(tools: Path, tmp_path: Path) -> None:
    """promtool's unit tests pass on the rules as the chart renders them."""
    rendered = yaml.safe_load_all(template(tools / "helm", *RULES).stdout)
    rules = next(item for item in rendered if item and item["kind"] == "PrometheusRule")
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules["spec"]))
    tests = (Path(__file__).parent / "alerts.promtest.yaml").read_text().replace("RULES", "rules.yaml")
    (tmp_path / "tests.yaml").write_text(tests)
    done = subprocess.run(
        [str(tools / "promtool"), "test", "rules", str(tmp_path / "tests.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_its_runbook(render: Render) -> None:
    """Nobody is woken without a page that says what to do; and no page is for an alert that is gone."""
    rules = render(*RULES)["PrometheusRule/r-ads-click-tracking"]["spec"]["groups"][0]["rules"]
    pages = {path.stem for path in (ROOT / "docs" / "runbooks").glob("AdsClicks*.md")}
    assert {rule["alert"] for rule in rules} == pages
    assert all(rule["annotations"]["runbook_url"] == f"docs/runbooks/{rule['alert']}.md" for rule in rules)


@pytest.mark.parametrize("path", sorted((CHART / "files" / "dashboards").glob("*.json")), ids=lambda path: path.stem)
def test_a_dashboard_is_rendered_as_it_is(render: Render, path: Path) -> None:
    """The ConfigMap holds each dashboard's JSON, for Grafana's sidecar."""
    objects = render("--values", str(CHART / "values-kind.yaml"), "--set", "monitoring.dashboards.enabled=true")
    dashboards = objects["ConfigMap/r-ads-click-tracking-dashboards"]
    assert dashboards["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert dashboards["data"][path.name] == path.read_text().rstrip("\n")
