"""Secrets as a Kafka client's configuration."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Protocol

from adclicks.kafka import CONNECTION
from lagscaler.cluster import ApiError
from lagscaler.spec import Kafka, SecretKey

Secrets = Mapping[SecretKey, str]


class CredentialsError(Exception):
    """A Secret or a key of it is missing or unreadable. `reason` is a condition's; the text names the field."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class SecretSource(Protocol):
    """Where Secrets are read from."""

    async def secret(self, namespace: str, name: str) -> Mapping[str, str]:
        """A Secret's data, base64. Raises `ApiError`."""


async def read_secrets(source: SecretSource, namespace: str, kafka: Kafka) -> dict[SecretKey, str]:
    """The text of each key that `kafka` names. Raises `CredentialsError`, and `ApiError` where the API server is away."""
    found: dict[SecretKey, str] = {}
    for key in kafka.secret_keys:
        try:
            data = await source.secret(namespace, key.secret)
        except ApiError as error:
            if error.status not in (403, 404):
                raise
            reason = "SecretNotFound" if error.status == 404 else "SecretUnreadable"
            raise CredentialsError(reason, f"{key.secret_field}: the Secret {key.secret}: {error}") from error
        found[key] = _text(data, key)
    return found


def _text(data: Mapping[str, str], key: SecretKey) -> str:
    if key.key not in data:
        raise CredentialsError("SecretKeyMissing", f"{key.field}: the Secret {key.secret} has no key {key.key}")
    try:
        # Passwords are written with a line's end by half of all tools; none is meant.
        return base64.b64decode(data[key.key]).decode().rstrip("\r\n")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise CredentialsError("BadCredentials", f"{key.field}: the Secret {key.secret} is no text there") from error


def client_config(kafka: Kafka, secrets: Secrets) -> dict[str, Any]:
    """librdkafka's configuration; certificates and keys are handed over as text and never touch the disk."""
    config: dict[str, Any] = {
        **CONNECTION,
        "bootstrap.servers": kafka.bootstrap_servers,
        "security.protocol": kafka.security_protocol,
        "client.id": "lagscaler",
    }
    if kafka.sasl:
        username = secrets[kafka.sasl.username_key] if kafka.sasl.username_key else kafka.sasl.username
        config |= {"sasl.mechanism": kafka.sasl.mechanism, "sasl.username": username}
        config["sasl.password"] = secrets[kafka.sasl.password]
    if kafka.tls:
        pems = {
            "ssl.ca.pem": kafka.tls.ca,
            "ssl.certificate.pem": kafka.tls.certificate,
            "ssl.key.pem": kafka.tls.key,
        }
        config |= {name: secrets[key] for name, key in pems.items() if key}
    return config
