"""Real parts for the tests: Kafka, PostgreSQL and Valkey once a session, and installations of the pipeline on them."""

from collections.abc import Callable, Generator, Iterator
from itertools import count

import hypothesis
import pytest

from localstack.guardian import Guardian
from localstack.stack import InfraStack
from testbed.installation import Installation

MakeInstallation = Callable[..., Installation]
_LOG_LINES = 40
_running: list[Installation] = []

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
    # A test that failed between a server's stop and its start must not fail those after it.
    for server in (infra.kafka, infra.postgres, infra.valkey):
        if server.child.exit_code() is not None:
            server.start()

    def make(partitions: int = 4) -> Installation:
        redis_db = next(_REDIS_DATABASES) % 16
        folder = tmp_path_factory.mktemp("installation")
        made.append(Installation(infra, folder, guardian, partitions, redis_db))
        _running.append(made[-1])
        return made[-1]

    yield make
    for installation in made:
        _running.remove(installation)
        installation.close()


@pytest.fixture(scope="module")
def installation(make_installation: MakeInstallation) -> Installation:
    """One for the module."""
    return make_installation()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows with a failure what the services logged last."""
    report = yield
    if report.failed:
        for service in (
            service for installation in _running for service in installation.services if service.log.exists()
        ):
            lines = service.log_text().splitlines()[-_LOG_LINES:]
            report.sections.append((f"the end of {service.log.name}", "\n".join(lines)))
    return report


_REDIS_DATABASES = count()
