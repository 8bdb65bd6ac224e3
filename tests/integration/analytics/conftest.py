"""One analytics service for all of this folder's tests, and clicks taken in without a consumer."""

from collections.abc import Iterator

import pytest

from testbed import http
from testbed.installation import Installation
from testbed.services import Service
from testbed.taken_in import Taker


@pytest.fixture(scope="module")
def analytics(installation: Installation) -> Service:
    """A worker that answers."""
    return installation.service("analytics")


@pytest.fixture
def api(analytics: Service) -> Iterator[http.Client]:
    """A connection to it."""
    with http.client(analytics.url) as client:
        yield client


@pytest.fixture(scope="module")
def taker(installation: Installation) -> Iterator[Taker]:
    """Takes clicks into its database."""
    with installation.connect() as connection:
        yield Taker(connection)
