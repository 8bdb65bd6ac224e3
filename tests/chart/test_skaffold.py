"""skaffold.yaml names what exists."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

from chart.conftest import CHART, ROOT

SCHEMA = ROOT.parent / "shared" / "schemas" / "skaffold-v4beta14.json"
CONFIG: dict[str, Any] = yaml.safe_load((ROOT / "skaffold.yaml").read_text())


def test_it_follows_skaffolds_schema() -> None:
    """Where the schema lies beside the repository; the version is the one it is for, everywhere."""
    assert CONFIG["apiVersion"] == "skaffold/v4beta14"
    if SCHEMA.exists():
        jsonschema_rs.validator_for(json.loads(SCHEMA.read_text())).validate(CONFIG)


def test_every_file_it_names_exists() -> None:
    """Dockerfiles, sources, chart and values; and each image is one that the chart runs."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    for artifact in CONFIG["build"]["artifacts"]:
        assert (ROOT / artifact["docker"]["dockerfile"]).is_file()
        assert artifact["image"] == values[Path(artifact["image"]).name]["image"]["repository"]
        for rule in artifact.get("sync", {"manual": []})["manual"]:
            assert (ROOT / rule["strip"]).is_dir()
            assert rule["dest"] == "/src"
    for release in CONFIG["deploy"]["helm"]["releases"]:
        assert (ROOT / release["chartPath"] / "Chart.yaml").is_file()
        assert all((ROOT / path).is_file() for path in release["valuesFiles"])
    assert {profile["name"] for profile in CONFIG["profiles"]} == {"kind", "kind-strimzi", "debug"}
