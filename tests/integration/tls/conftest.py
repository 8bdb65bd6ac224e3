"""One set of servers behind TLS, an installation on them, and the pipeline, once for each way to log in to Kafka."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from localstack.guardian import Guardian
from localstack.stack import InfraStack
from testbed.installation import Installation
from testbed.secured import LOGINS, Login, SecuredStack
from testbed.services import Service

_REDIS_DATABASE = 14
PARTITIONS = 4


@dataclass(frozen=True)
class Pipeline:
    """The three services, each under its own name."""

    secured: SecuredStack
    installation: Installation
    login: Login
    ingest: Service
    consumer: Service
    analytics: Service

    def ask(self, path: str) -> Any:
        """The document of a GET at analytics."""
        answer = self.analytics.get(path)
        assert answer.status == 200, answer.body
        return answer.json

    def adclicks(self, *arguments: str) -> str:
        """The command line tool as in the consumer's pod: what it prints."""
        done = self.installation.adclicks(*arguments, **self.secured.login("consumer", self.login))
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def secured(infra: InfraStack, guardian: Guardian, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredStack]:
    """Running."""
    stack = SecuredStack(infra, tmp_path_factory.mktemp("secured"), guardian)
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture(scope="module")
def installation(
    secured: SecuredStack, guardian: Guardian, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Its services may do in Kafka what the chart asks for."""
    made = Installation(secured, tmp_path_factory.mktemp("installation"), guardian, PARTITIONS, _REDIS_DATABASE)
    secured.grant(made.topic, made.environment["KAFKA_GROUP"])
    yield made
    made.close()


@pytest.fixture(scope="module", params=LOGINS)
def pipeline(request: pytest.FixtureRequest, secured: SecuredStack, installation: Installation) -> Iterator[Pipeline]:
    """Running; with SCRAM-SHA-512, then with client certificates."""
    login: Login = request.param
    names = ("ingest", "consumer", "analytics")
    ingest, consumer, analytics = (installation.service(name, **secured.login(name, login)) for name in names)
    yield Pipeline(secured, installation, login, ingest, consumer, analytics)
    installation.close()
