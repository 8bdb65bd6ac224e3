"""A pool that runs."""

import pytest

from testbed.installation import Installation
from testbed.services import Service


@pytest.fixture(scope="module")
def pool(installation: Installation) -> Service:
    """The consumer pool of the module's installation, with its usual settings."""
    return installation.service("consumer")
