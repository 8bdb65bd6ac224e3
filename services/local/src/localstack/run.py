"""A run of the local stack, from the lock on its data to its end."""

import os
import sys
import time
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NoReturn

from localstack import environment, first_data, log_files, services, stack_file
from localstack.child import StartError
from localstack.data_lock import DataLock
from localstack.guardian import Guardian
from localstack.interrupt import Interrupted, SignalGate
from localstack.jars import cache_folder, is_complete
from localstack.java import Java
from localstack.kafka_archive import Rehearsal
from localstack.ports import why_busy
from localstack.server import Server
from localstack.services import Service
from localstack.settings import LocalSettings
from localstack.stack import Infra, InfraPorts, prepare_java
from localstack.steps import Steps
from localstack.summary import environment_lines, summary
from localstack.supervisor import supervise
from localstack.together import together

SERVICE_PORTS = ("PORT", "LOCAL_ANALYTICS_PORT", "LOCAL_CONSUMER_PORT")


def run(
    settings: LocalSettings, environ: Mapping[str, str], steps: Steps, gate: SignalGate, *, infra_only: bool
) -> NoReturn:
    """Runs until interrupted, then stops everything. Raises ``StartError`` where something can't be started.

    ``environ``: the user's, with ``.env``.
    """
    # Ended in the reverse order: services, servers, guardian, lock.
    with ExitStack() as ends:
        try:
            _run(settings, environ, steps, ends, infra_only=infra_only)
        except BaseException as reason:
            gate.close()
            if isinstance(reason, Interrupted):
                steps.say("Stopping …")
            raise


def _run(
    settings: LocalSettings, environ: Mapping[str, str], steps: Steps, ends: ExitStack, *, infra_only: bool
) -> NoReturn:
    start = time.monotonic()
    lock = DataLock(settings.data)
    ends.callback(lock.release)
    require_ports(settings, infra_only=infra_only)
    if foreign := environment.unused(environ):
        steps.say(f"Not used here, where everything has servers of its own: {', '.join(foreign)}", "yellow")
    log_files.cut(settings.logs)
    guardian = Guardian([lock.descriptor])
    ends.callback(guardian.close)
    cache = cache_folder(os.environ, Path.home())
    java = _prepare_java(cache, steps)
    infra = _start_infra(settings, java, steps, ends, guardian)
    where = services.common_environment(settings, infra.environment)
    ends.callback(stack_file.write(settings.data, where))
    servers: tuple[Server, ...] = infra.servers
    if infra_only:
        sys.stdout.write(environment_lines(where))
        sys.stdout.flush()
    else:
        with steps.step("Schema, topics, sample ads"):
            first_data.make(settings, infra)
        created = services.create(settings, environment.tuning(environ), infra.environment, guardian)
        servers += _start_services(created, steps, ends, guardian)
        base_url = f"http://localhost:{settings.port}"
        steps.say(summary(base_url, settings.logs, where, uuid.uuid4(), datetime.now(UTC)))
    steps.say(f"Ready after {time.monotonic() - start:.1f} s.")
    if java.archive is None:
        rehearsal = Rehearsal(settings.data / "rehearsal", cache, java, guardian)
        ends.callback(rehearsal.give_up)
        rehearsal.start()
    supervise(servers, guardian, partial(steps.say, style="yellow"), partial(log_files.cut, settings.logs))


def require_ports(settings: LocalSettings, *, infra_only: bool) -> None:
    """Raises ``StartError`` with every port that can't be used, who has it, and how to choose another."""
    problems = settings.shared_ports()
    for variable, port in settings.ports().items():
        if infra_only and variable in SERVICE_PORTS:
            continue
        if reason := why_busy(port):
            problems.append(
                f"Port {port} ({variable}) can't be used: {reason}.\n"
                f"  To see who has it:  ss -ltnp 'sport = :{port}'    (macOS: lsof -iTCP:{port} -sTCP:LISTEN)\n"
                f"  To use another one: {variable}={port % 60_000 + 1010} make run"
            )
    if problems:
        raise StartError("\n".join(problems))


def _start_infra(settings: LocalSettings, java: Java, steps: Steps, ends: ExitStack, guardian: Guardian) -> Infra:
    ports = InfraPorts(settings.kafka_port, settings.postgres_port, settings.valkey_port)
    infra = Infra.create(settings.data, settings.logs, ports, guardian, java)
    ends.callback(infra.stop)
    _start(infra.servers, steps, guardian)
    if not infra.postgres.data.is_relative_to(settings.data):
        steps.say(
            f"  Its data is in {infra.postgres.data}: it does not run as root, and its user can't enter {settings.data}."
        )
    return infra


def _prepare_java(cache: Path, steps: Steps) -> Java:
    """Silent when all is in the cache."""
    if is_complete(cache):
        return prepare_java(cache)
    with steps.step("Kafka's jars from Maven Central (once, 42 MB)"):
        return prepare_java(
            cache, lambda done, of: steps.note(f"Kafka's jars from Maven Central (once): {done} of {of}")
        )


def _start_services(
    created: tuple[Service, ...], steps: Steps, ends: ExitStack, guardian: Guardian
) -> tuple[Service, ...]:
    ends.callback(together, guardian, [service.stop for service in created])
    _start(created, steps, guardian)
    return created


def _start(servers: tuple[Server, ...], steps: Steps, guardian: Guardian) -> None:
    """All at once, a tick for each that answers."""
    start = time.monotonic()

    def start_one(server: Server) -> None:
        server.start(partial(steps.say, style="yellow"))
        steps.tick(f"{server.name} on port {server.port}", time.monotonic() - start)

    with steps.busy("Starting " + ", ".join(server.name for server in servers)):
        together(guardian, [partial(start_one, server) for server in servers])
