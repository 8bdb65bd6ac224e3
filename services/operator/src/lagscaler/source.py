"""A LagAutoscaler's Kafka with its Secrets: a client that is made anew when a Secret changes."""

from __future__ import annotations

import time
from collections.abc import Callable

from adclicks.kafka_child.process import KafkaProcess
from lagscaler.cluster import ApiUnavailableError
from lagscaler.credentials import Secrets, SecretSource, client_config, read_secrets
from lagscaler.lag import KafkaLag, LagUnavailableError, Reading
from lagscaler.spec import Kafka

SECRETS_CHECK_SECONDS = 10.0


class SecuredLag:
    """Asks for the Secrets every `SECRETS_CHECK_SECONDS`; the client in use survives an API server that is away."""

    def __init__(
        self,
        kafka: Kafka,
        namespace: str,
        secrets: SecretSource,
        process: KafkaProcess,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kafka, self._namespace, self._source = kafka, namespace, secrets
        self._process, self._clock = process, clock
        self._client: KafkaLag | None = None
        self._secrets: Secrets | None = None
        self._checked_at_seconds = -SECRETS_CHECK_SECONDS

    async def read(self) -> Reading:
        """Raises `LagUnavailableError`, `CredentialsError`, or `ApiError` before the first Secret could be read."""
        return await (await self._current()).read()

    def close(self) -> None:
        """Ends the client."""
        if self._client is not None:
            self._client.close()

    async def _current(self) -> KafkaLag:
        if self._client is None or (self._kafka.secret_keys and self._is_due()):
            await self._renew()
        if self._client is None:
            raise LagUnavailableError("BadCredentials", "spec.kafka: there is no client")
        return self._client

    def _is_due(self) -> bool:
        return self._clock() - self._checked_at_seconds >= SECRETS_CHECK_SECONDS

    async def _renew(self) -> None:
        try:
            secrets = await read_secrets(self._source, self._namespace, self._kafka)
        except ApiUnavailableError:
            if self._client is None:
                raise
            return
        self._checked_at_seconds = self._clock()
        if secrets != self._secrets or self._client is None:
            config = client_config(self._kafka, secrets)
            self.close()
            self._client = KafkaLag(self._process, config, self._kafka.topic, self._kafka.group, self._clock)
            self._secrets = secrets
