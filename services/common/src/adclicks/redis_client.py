"""How Redis or Valkey is asked: one server, or a cluster.

A cluster is recognised by its answer: a node that does not own a key's slot says ``MOVED``. From then on the library's
client for clusters is used. Keys that one command or script uses together have one hash tag (``totals_cache``).
"""

import ssl
from collections.abc import Callable
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.exceptions import MovedError, RedisClusterException
from redis.retry import Retry

from adclicks.settings import RedisSettings

T = TypeVar("T")
Client = redis.Redis | RedisCluster
SOCKET_TIMEOUT_SECONDS = 2.0
# What a cluster, or a server with fewer databases, answers when a connection selects one that it does not have.
_NO_SUCH_DATABASE = ("SELECT is not allowed in cluster mode", "DB index is out of range")


def connect(settings: RedisSettings, timeout_seconds: float = SOCKET_TIMEOUT_SECONDS) -> "redis.Redis":
    """A client that waits at most ``timeout_seconds`` for a connection, and for each part of an answer.

    It connects when it is first asked. Redis is a cache, and nothing may hang on it.
    """
    return redis.Redis(
        **client_options(settings),
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        # The library's own retries, with pauses between them, would hold up a writer for several seconds each time.
        retry=Retry(NoBackoff(), 0),
    )


def client_options(settings: RedisSettings) -> dict[str, Any]:
    """Where Redis is and who we are, as arguments of its client."""
    host, port = settings.address
    options: dict[str, Any] = {"host": host, "port": port, "db": settings.db}
    options |= {"username": settings.username, "password": settings.password}
    if settings.tls:
        options |= {"ssl": True, "ssl_ca_certs": settings.ca_file}
        # From Python 3.13 on a CA without key usage, as openssl makes them, would be refused, here alone of our clients.
        options["ssl_exclude_verify_flags"] = [ssl.VerifyFlags.VERIFY_X509_STRICT]
    return options


class RedisConnection:
    """Asks through ``client``; if Redis turns out to be a cluster, through a client for clusters from then on."""

    def __init__(self, client: "redis.Redis") -> None:
        self._single = client
        self._client: Client = client

    def ask(self, question: Callable[[Client], T]) -> T:
        """What ``question`` returns; it is asked again when it met a cluster. Raises ``redis.RedisError``."""
        try:
            try:
                return question(self._client)
            except MovedError:
                if isinstance(self._client, RedisCluster):
                    raise
                self._client = _cluster(self._single)
                return question(self._client)
        except RedisClusterException as error:
            # It is no RedisError, and would end its caller: a node that is away is an outage like any other.
            raise redis.ConnectionError(str(error)) from error
        except redis.ResponseError as error:
            if any(text in str(error) for text in _NO_SUCH_DATABASE):
                raise redis.ResponseError(
                    f"REDIS_DB must be a database that Redis has, 0 in a cluster: {error}"
                ) from error
            raise

    def close(self) -> None:
        """Closes all connections."""
        self._client.close()
        self._single.close()


def _cluster(client: "redis.Redis") -> RedisCluster:
    known = dict(client.connection_pool.connection_kwargs)
    options = {name: value for name, value in known.items() if name not in {"retry", "db"}}
    if issubclass(client.connection_pool.connection_class, redis.SSLConnection):
        options["ssl"] = True
    # A second try, without a pause: after a failover the first one learns where a slot is now.
    return RedisCluster(**options, retry=Retry(NoBackoff(), 1))
