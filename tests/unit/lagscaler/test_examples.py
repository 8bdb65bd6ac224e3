"""What people copy works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from lagscaler.spec import parse
from lagscaler.values import read

README = Path(__file__).parents[3] / "services" / "operator" / "README.md"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES, ids=["short", "of your own"])
def test_the_readmes_examples_are_good_objects_and_good_files(text: str, tmp_path: Path) -> None:
    """As an object, and as the file of the mode values."""
    found = yaml.safe_load(text)
    (tmp_path / "it.yaml").write_text(text)
    identity, spec = read(tmp_path / "it.yaml", "default")
    assert identity.name == found["metadata"]["name"]
    assert spec == parse(found["spec"])
