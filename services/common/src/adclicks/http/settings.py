"""How a service of ours listens."""

import os
from dataclasses import dataclass

from adclicks.settings import setting, text, whole


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

    @property
    def binds(self) -> list[str]:
        """``address:port`` of each address, an IPv6 one in brackets."""
        addresses = [address.strip() for address in self.address.split(",")]
        return [f"[{address}]:{self.port}" if ":" in address else f"{address}:{self.port}" for address in addresses]

    @property
    def workers(self) -> int:
        """Worker processes."""
        return self.worker_count or len(os.sched_getaffinity(0))
