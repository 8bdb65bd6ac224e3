"""How a service of ours listens."""

import os
from dataclasses import dataclass, field

from adclicks.settings import number, setting, text, whole

_seconds = number(1, 86_400)


@dataclass(frozen=True)
class ConnectionSettings:
    """How long each phase of a connection may take, and how many there may be."""

    head_seconds: float = setting(
        "HEAD_TIMEOUT_SECONDS",
        "how long a client may take to send a request's head; for the first, from connecting on",
        _seconds,
        20.0,
    )
    body_seconds: float = setting(
        "BODY_TIMEOUT_SECONDS", "how long a client may take to send a request's body", _seconds, 60.0
    )
    send_seconds: float = setting(
        "SEND_TIMEOUT_SECONDS", "how long an answer may wait for a client that reads nothing of it", _seconds, 60.0
    )
    # Longer than any load balancer keeps an idle connection by default, or a request could meet the end of the connection that
    # it is sent on: 600 s at Google's (not to be changed), 60 s at Amazon's and nginx', 240 s at Azure's.
    keep_alive_seconds: float = setting(
        "KEEP_ALIVE_SECONDS",
        "how long a connection may be idle; more than the load balancer in front keeps it",
        _seconds,
        620.0,
    )
    max_connections: int = setting(
        "MAX_CONNECTIONS",
        "open connections a worker; beyond it the longest idle ones are closed",
        whole(10, 1_000_000),
        10_000,
    )


@dataclass(frozen=True)
class HttpSettings:
    """The group of settings that both HTTP services share."""

    port: int = setting("PORT", "where to listen", whole(1, 65535), 8080)
    address: str = setting(
        "LISTEN_ADDRESS",
        "the local address to listen on, or several separated by commas; 0.0.0.0 is all of them",
        text,
        "0.0.0.0",  # noqa: S104 a service in a container is reached from outside
    )
    worker_count: int | None = setting(
        "WEB_CONCURRENCY", "worker processes; by default one a core", whole(1, 256), None
    )
    shutdown_seconds: int = setting(
        "SHUTDOWN_SECONDS", "how long requests may take to finish after SIGTERM", whole(1, 600), 25
    )
    connections: ConnectionSettings = field(default_factory=ConnectionSettings)

    @property
    def binds(self) -> list[str]:
        """``address:port`` of each address, an IPv6 one in brackets."""
        addresses = [address.strip() for address in self.address.split(",")]
        return [f"[{address}]:{self.port}" if ":" in address else f"{address}:{self.port}" for address in addresses]

    @property
    def workers(self) -> int:
        """Worker processes."""
        return self.worker_count or len(os.sched_getaffinity(0))
