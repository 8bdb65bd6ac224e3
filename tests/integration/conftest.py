"""Real parts for the integration tests: Kafka, PostgreSQL and Valkey on free ports, once a session."""

from collections.abc import Iterator

import pytest

from localstack.stack import InfraStack


@pytest.fixture(scope="session")
def infra() -> Iterator[InfraStack]:
    """Started once; a test that stops or kills a server starts it again."""
    with InfraStack() as stack:
        yield stack
