"""Every HTTP server of ours as it runs in production: each holds the same rules of HTTP."""

import pytest

from testbed.installation import Installation
from testbed.services import Service

SERVERS = ("ingest", "analytics", "consumer")


@pytest.fixture(scope="module")
def running(installation: Installation) -> dict[str, Service]:
    """One of each, by name, with short limits of time where a test has to wait for them."""
    limits = {
        "HEAD_TIMEOUT_SECONDS": "2",
        "BODY_TIMEOUT_SECONDS": "3",
        "KEEP_ALIVE_SECONDS": "4",
        "SEND_TIMEOUT_SECONDS": "6",
    }
    return {name: installation.service(name, **limits) for name in SERVERS}


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, running: dict[str, Service]) -> Service:
    """Each in turn."""
    return running[request.param]
