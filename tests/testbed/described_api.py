"""schemathesis over a running service's own description: every check, no 5xx, and no answer that is not described."""

import os
import subprocess
import sys
from pathlib import Path

_HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
# Nothing here links one operation to another, so there is nothing for the stateful phase to follow.
_PHASES = "examples,coverage,fuzzing"
_RUN_SECONDS = 280


def check(url: str, folder: Path, config: Path | None = None, examples: int = 30, *options: str) -> str:
    """Asserts that all is as described; returns what schemathesis printed. The same requests at each run."""
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *(["--config-file", str(config)] if config else []),
        "run",
        f"{url}/openapi.json",
        "--checks=all",
        f"--phases={_PHASES}",
        f"--max-examples={examples}",
        "--generation-deterministic",
        "--suppress-health-check=all",
        "--no-color",
        *options,
    ]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": str(_HOOKS), "PYTHONPATH": str(_HOOKS.parent.parent)}
    ended = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=_RUN_SECONDS, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
