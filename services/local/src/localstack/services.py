"""The three services: how each is started, and what each is told."""

import http.client
import os
import sys
from collections.abc import Mapping

from localstack.child import Program
from localstack.guardian import Guardian
from localstack.ports import HOST, loopback
from localstack.server import Server
from localstack.settings import LocalSettings

COMMANDS = {
    "gateway": ("gunicorn", "--config", "python:ingest.gunicorn_conf", "localstack.asgi:app"),
    "analytics": ("gunicorn", "--config", "python:analytics.gunicorn_conf", "analytics.asgi:app"),
    "consumer": ("consumer.pool",),
}
# The gateway hands everything else on to analytics, so it is asked for the part that it has itself.
READY_PATHS = {"gateway": "/ingest/healthz/ready", "analytics": "/healthz/ready", "consumer": "/healthz/ready"}

PROBE_TIMEOUT_SECONDS = 2
# Ctrl-C ends all within 15 s: services get 8 of them, the servers after them 6.
SHUTDOWN_SECONDS = 6
STOP_TIMEOUT_SECONDS = 8.0
# The logs are files for people here.
_FOR_PEOPLE = {"SHUTDOWN_SECONDS": str(SHUTDOWN_SECONDS), "LOG_FORMAT": "console"}
_ANSWER_BYTES_MAX = 2_000
# A laptop with many cores need not have a worker on each.
WORKERS_MAX = 4


class Service(Server):
    """A service of ours as a process."""

    start_timeout_seconds = 60.0

    def __init__(self, name: str, settings: LocalSettings, environment: Mapping[str, str], guardian: Guardian) -> None:
        """``environment``: what it is told, its ``PORT`` among it."""
        # Not our working folder: a .env there is meant for other servers than these.
        super().__init__(
            name, settings.data / "services", int(environment["PORT"]), settings.logs / f"{name}.log", guardian
        )
        self._environment = environment

    def _program(self) -> Program:
        return Program(
            self.name,
            (sys.executable, "-m", *COMMANDS[self.name]),
            self.log,
            self.folder,
            environment=self._environment,
            stage=1,
            stop_timeout_seconds=STOP_TIMEOUT_SECONDS,
        )

    def problem(self) -> str | None:
        """See ``Server``."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=PROBE_TIMEOUT_SECONDS)
        try:
            connection.request("GET", READY_PATHS[self.name])
            answer = connection.getresponse()
            if answer.status == http.client.OK:
                return None
            return f"it answers {answer.status}: {answer.read(_ANSWER_BYTES_MAX).decode(errors='replace')}"
        except (OSError, http.client.HTTPException) as error:
            return str(error)
        finally:
            connection.close()


def create(
    settings: LocalSettings, chosen: Mapping[str, str], infra: Mapping[str, str], guardian: Guardian
) -> tuple[Service, ...]:
    """All three, not started yet. ``chosen``: what the user's environment says of them (``environment.tuning``)."""
    shared = common_environment(settings, infra)
    defaults = {
        "gateway": {"WEB_CONCURRENCY": str(workers(os.cpu_count() or 1))},
        # A person asks here, not a crowd; a second worker would only delay the start.
        "analytics": {"WEB_CONCURRENCY": "1"},
        "consumer": {},
    }
    own = {
        "gateway": {
            "PORT": str(settings.port),
            "LISTEN_ADDRESS": ",".join(settings.addresses),
            "ANALYTICS_URL": f"http://{HOST}:{settings.analytics_port}",
        },
        "analytics": {"PORT": str(settings.analytics_port), "LISTEN_ADDRESS": ",".join(loopback())},
        "consumer": {"PORT": str(settings.consumer_port), "LISTEN_ADDRESS": ",".join(loopback())},
    }
    return tuple(
        Service(name, settings, {**defaults[name], **_FOR_PEOPLE, **chosen, **shared, **own[name]}, guardian)
        for name in COMMANDS
    )


def workers(cores: int) -> int:
    """Of ingest: half of the cores, at least one. The other half is for Kafka, PostgreSQL and the consumers, and clicks spread
    over more workers go to Kafka in smaller batches, which cost it more."""
    return min(WORKERS_MAX, max(1, cores // 2))


def common_environment(settings: LocalSettings, infra: Mapping[str, str]) -> dict[str, str]:
    """Where the servers are, for each service and the ``adclicks`` command."""
    return {"REDIS_PASSWORD": "", "DB_DIALECT": "postgres", "KAFKA_TOPIC": settings.topic, **infra}
