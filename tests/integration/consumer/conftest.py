"""A pool that runs, and what a test of the transaction alone needs."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

from consumer.store import Topic
from testbed.installation import Installation
from testbed.services import Service


@pytest.fixture(scope="module")
def pool(installation: Installation) -> Service:
    """The consumer pool of the module's installation, with its usual settings."""
    return installation.service("consumer")


@pytest.fixture
def topic() -> Topic:
    """A topic that the ledger does not know yet."""
    return Topic("clicks", uuid4().hex)


@pytest.fixture
def connection(installation: Installation) -> Iterator[psycopg.Connection]:
    """In autocommit mode."""
    with installation.connect() as connection:
        yield connection
