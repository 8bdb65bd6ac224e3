"""Real parts for the tests: Kafka, PostgreSQL and Valkey once a session, and installations of the pipeline on them."""

from collections.abc import Callable, Iterator
from itertools import count

import hypothesis
import pytest

from localstack.guardian import Guardian
from localstack.stack import InfraStack
from testbed.installation import Installation

MakeInstallation = Callable[..., Installation]

# A busy machine is no fault of the code.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("patient")


@pytest.fixture(scope="session")
def infra() -> Iterator[InfraStack]:
    """Started once; a test that stops or kills a server starts it again."""
    with InfraStack() as stack:
        yield stack


@pytest.fixture(scope="session")
def guardian() -> Iterator[Guardian]:
    """Ends the services of the tests, even if the test run is killed."""
    guardian = Guardian()
    yield guardian
    guardian.close()


@pytest.fixture(scope="module")
def make_installation(
    infra: InfraStack, guardian: Guardian, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MakeInstallation]:
    """Makes installations that end with the module: ``make_installation(partitions=4)``."""
    made: list[Installation] = []

    def make(partitions: int = 4) -> Installation:
        redis_db = next(_REDIS_DATABASES) % 16
        folder = tmp_path_factory.mktemp("installation")
        made.append(Installation(infra, folder, guardian, partitions, redis_db))
        return made[-1]

    yield make
    for installation in made:
        installation.close()


@pytest.fixture(scope="module")
def installation(make_installation: MakeInstallation) -> Installation:
    """One for the module."""
    return make_installation()


_REDIS_DATABASES = count()
