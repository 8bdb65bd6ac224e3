"""Every HTTP server of ours as it runs in production: each holds the same rules of HTTP."""

import pytest

from testbed.installation import Installation
from testbed.services import Service

SERVERS = ("ingest", "analytics", "consumer")


@pytest.fixture(scope="module")
def running(installation: Installation) -> dict[str, Service]:
    """One of each, by name, with its usual settings."""
    return {name: installation.service(name) for name in SERVERS}


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, running: dict[str, Service]) -> Service:
    """Each in turn."""
    return running[request.param]
