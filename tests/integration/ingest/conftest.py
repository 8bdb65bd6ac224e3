"""ingest as it runs in production, gunicorn and all, on real Kafka."""

from collections.abc import Iterator

import pytest

from testbed import http
from testbed.installation import Installation
from testbed.services import Service


@pytest.fixture(scope="module")
def ingest(installation: Installation) -> Service:
    """One worker process, with its usual settings."""
    return installation.service("ingest")


@pytest.fixture
def client(ingest: Service) -> Iterator[http.Client]:
    """A connection to it."""
    with http.client(ingest.url) as client:
        yield client
