"""Secrets as a Kafka client's configuration, and a client that is made anew when one changes."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.lagscaler.test_spec import GOOD

from adclicks.kafka_child.process import KafkaProcess
from lagscaler import source
from lagscaler.cluster import ApiError, ApiUnavailableError
from lagscaler.credentials import CredentialsError, client_config, read_secrets
from lagscaler.spec import Kafka, parse


class Secrets:
    """An API server with one Secret."""

    def __init__(self, **data: str) -> None:
        self.data = {name: base64.b64encode(value.encode()).decode() for name, value in data.items()}
        self.error: ApiError | None = None

    async def secret(self, _namespace: str, _name: str) -> Mapping[str, str]:
        if self.error:
            raise self.error
        return self.data


def kafka(**changes: Any) -> Kafka:
    secured = {"securityProtocol": "sasl_ssl", "sasl": {"secret": "user", "username": "me"}}
    return parse(GOOD | {"kafka": GOOD["kafka"] | secured | changes}).kafka


async def test_user_password_and_certificates_are_handed_over_as_text() -> None:
    """Nothing is written to a disk; a line's end after a password is not a part of it."""
    asked = kafka(tls={"caSecret": "user", "caKey": "ca", "clientSecret": "user", "certificateKey": "c", "keyKey": "k"})
    found = await read_secrets(Secrets(password="secret\n", ca="CA", c="C", k="K"), "shop", asked)
    config = client_config(asked, found)
    assert {name: value for name, value in config.items() if name.startswith(("s",))} == {
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "me",
        "sasl.password": "secret",
        "ssl.ca.pem": "CA",
        "ssl.certificate.pem": "C",
        "ssl.key.pem": "K",
    }


@pytest.mark.parametrize(
    ("status", "reason", "field"),
    [(404, "SecretNotFound", "spec.kafka.sasl.secret"), (403, "SecretUnreadable", "spec.kafka.sasl.secret")],
)
async def test_a_secret_that_can_not_be_read_is_told_by_its_field(status: int, reason: str, field: str) -> None:
    """Missing, or no right on it."""
    secrets = Secrets()
    secrets.error = ApiError(status, "no")
    with pytest.raises(CredentialsError) as refused:
        await read_secrets(secrets, "shop", kafka())
    assert refused.value.reason == reason
    assert str(refused.value).startswith(f"{field}: the Secret user")


async def test_a_key_that_is_missing_is_told_by_its_field() -> None:
    """The Secret is there, and is another's."""
    with pytest.raises(CredentialsError, match=r"^spec\.kafka\.sasl\.passwordKey: the Secret user has no key password"):
        await read_secrets(Secrets(other="x"), "shop", kafka())


class Client:
    """Remembers with which configuration it was made."""

    made: list[dict[str, Any]]
    ended: list[Client]

    def __init__(self, _process: KafkaProcess, config: dict[str, Any], *_: object) -> None:
        self.made.append(config)

    async def read(self) -> None:
        return None

    def close(self) -> None:
        self.ended.append(self)


async def test_a_rotated_secret_makes_a_new_client_and_an_absent_api_server_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The client in use goes on; the one that is replaced is ended."""
    monkeypatch.setattr(Client, "made", [], raising=False)
    monkeypatch.setattr(Client, "ended", [], raising=False)
    monkeypatch.setattr(source, "KafkaLag", Client)
    secrets, now = Secrets(password="first"), [0.0]
    lag = source.SecuredLag(kafka(), "shop", secrets, KafkaProcess(), lambda: now[0])
    await lag.read()
    now[0] = 20
    await lag.read()
    secrets.error = ApiUnavailableError("away")
    now[0] = 40
    await lag.read()
    secrets.error = None
    secrets.data = Secrets(password="second").data
    now[0] = 60
    await lag.read()
    assert [config["sasl.password"] for config in Client.made] == ["first", "second"]
    assert len(Client.ended) == 1
