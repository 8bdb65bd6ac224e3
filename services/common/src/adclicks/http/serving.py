"""gunicorn's configuration, as each HTTP service of ours uses it.

A service's ``gunicorn_conf`` module does ``globals().update(serving.configuration(…))``: gunicorn reads module names.
This module runs in the master, before the fork: it makes no client, and must not import prometheus_client.
"""

import os
from collections.abc import Callable
from typing import Protocol, TypedDict

from adclicks import logs, metrics_folder
from adclicks.http.settings import ConnectionSettings, HttpSettings
from adclicks.settings import LogSettings

# A worker whose event loop has not turned for this long is killed and replaced.
STUCK_WORKER_SECONDS = 30
BACKLOG_CONNECTIONS = 2048


class Limited(Protocol):
    """``adclicks.http.worker.Worker``, which this module does not import."""

    def limit(self, limits: ConnectionSettings) -> None: ...


class Configuration(TypedDict):
    """gunicorn's settings, by its names."""

    bind: list[str]
    backlog: int
    workers: int
    worker_class: str
    logger_class: str
    proc_name: str
    timeout: int
    graceful_timeout: int
    worker_tmp_dir: str | None
    control_socket_disable: bool
    post_fork: Callable[[object, Limited], None]
    child_exit: Callable[[object, object], None]
    on_exit: Callable[[object], None]


def configuration(service: str, http: HttpSettings, log: LogSettings) -> Configuration:
    """The settings for ``service``. Sets up its logs, and the folder through which its workers share their metrics."""
    logs.configure(log, service)
    folder, master = metrics_folder.share(), os.getpid()

    def on_exit(_arbiter: object) -> None:
        # A worker that fails before its boot runs this as well; the folder is still in use then.
        if os.getpid() == master:
            metrics_folder.remove_folder(folder)

    return Configuration(
        bind=http.binds,
        backlog=BACKLOG_CONNECTIONS,
        workers=http.workers,
        worker_class="adclicks.http.worker.Worker",
        logger_class="adclicks.http.worker.Logger",
        proc_name=f"adclicks-{service}",
        timeout=STUCK_WORKER_SECONDS,
        graceful_timeout=http.shutdown_seconds,
        # A worker touches a file there to show that it is alive; on a busy disk that can block for too long.
        worker_tmp_dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None,  # noqa: S108 gunicorn makes it private
        # It would be a file in the home folder, one for all services on the machine.
        control_socket_disable=True,
        post_fork=lambda _arbiter, worker: worker.limit(http.connections),
        child_exit=_child_exit,
        on_exit=on_exit,
    )


def _child_exit(_arbiter: object, worker: object) -> None:
    # Imported late: the module imports prometheus_client.
    from adclicks import metrics

    metrics.forget_process(getattr(worker, "pid"))  # noqa: B009 gunicorn's worker has no type
