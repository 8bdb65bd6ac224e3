"""Kafka as Strimzi sets it up: a listener with SCRAM and one with client certificates, both TLS, and ACLs."""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from localstack.guardian import Guardian
from localstack.java import Java
from localstack.kafka import OPTIONS, Kafka
from localstack.ports import HOST, free_port, listens
from testbed.certificates import Authority, Issued
from testbed.kafka_acls import Acl

_TIMEOUT_SECONDS = 30.0
_SCRAM_ITERATIONS = 4096


class SecuredKafka(Kafka):
    """``port`` speaks SASL_SSL with SCRAM-SHA-512, ``certificate_port`` asks for a client certificate. ``CN=admin`` may all."""

    def __init__(self, folder: Path, authority: Authority, log: Path, guardian: Guardian, java: Java) -> None:
        super().__init__(folder, free_port(), log, guardian, java)
        self.certificate_port = free_port()
        self._keys = folder / "keys"
        self._keys.mkdir(parents=True)
        self.trust(authority)

    def trust(self, authority: Authority) -> None:
        """At its next start it has a certificate of ``authority``, and lets in whom ``authority`` has signed, nobody else."""
        (self._keys / "broker.pem").write_bytes(authority.server(HOST).both)
        (self._keys / "clients.pem").write_bytes(authority.certificate)
        self._admin_files = _files(self._keys, authority.client("admin"))
        self._ca_file = str(self._keys / "clients.pem")

    @property
    def admin_environment(self) -> Mapping[str, str]:
        """Variables of one who may do all."""
        certificate, key = self._admin_files
        return {
            "KAFKA_ADDRESS": f"{HOST}:{self.certificate_port}",
            "KAFKA_SECURITY_PROTOCOL": "ssl",
            "KAFKA_CA_FILE": self._ca_file,
            "KAFKA_CERT_FILE": certificate,
            "KAFKA_KEY_FILE": key,
        }

    def add_user(self, name: str, password: str) -> None:
        """One who logs in with SCRAM-SHA-512."""
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, _SCRAM_ITERATIONS)
        upsertion = UserScramCredentialUpsertion(name, info, password.encode())
        # Kept: a client that is collected answers none of its futures.
        admin = self._admin()
        admin.alter_user_scram_credentials([upsertion])[name].result(_TIMEOUT_SECONDS)

    def grant(self, principal: str, acls: Iterable[Acl]) -> None:
        """``principal`` is ``User:name`` or ``User:CN=name``."""
        bindings = [
            AclBinding(
                ResourceType[acl.type.upper()],
                acl.name,
                ResourcePatternType.LITERAL,
                principal,
                "*",
                AclOperation[operation.upper()],
                AclPermissionType.ALLOW,
            )
            for acl in acls
            for operation in acl.operations
        ]
        admin = self._admin()
        for future in admin.create_acls(bindings).values():
            future.result(_TIMEOUT_SECONDS)

    def _admin(self) -> AdminClient:
        certificate, key = self._admin_files
        config: dict[str, Any] = {
            "bootstrap.servers": f"{HOST}:{self.certificate_port}",
            "security.protocol": "ssl",
            "ssl.ca.location": self._ca_file,
            "ssl.certificate.location": certificate,
            "ssl.key.location": key,
            "log_level": 0,
        }
        return AdminClient(config)

    def _prepare(self) -> None:
        write = partial(_properties, self.port, self.certificate_port, self._keys, self.folder / "data")
        self._temporary.mkdir(exist_ok=True)
        self._properties.write_text(write(free_port()))
        if not (self.folder / "data" / "meta.properties").exists():
            self._format()

    def problem(self) -> str | None:
        """See ``Server``."""
        if not listens(self.certificate_port):
            return "nothing listens"
        try:
            return None if self._admin().list_topics(timeout=2).brokers else "it names no brokers"
        except KafkaException as error:
            return str(error)


def _files(folder: Path, issued: Issued) -> tuple[str, str]:
    certificate, key = folder / "admin.crt", folder / "admin.key"
    certificate.write_bytes(issued.certificate)
    key.write_bytes(issued.key)
    return str(certificate), str(key)


def _properties(scram_port: int, certificate_port: int, keys: Path, data: Path, controller_port: int) -> str:
    listeners = f"SCRAM://{HOST}:{scram_port},CERTIFICATES://{HOST}:{certificate_port}"
    options = {
        **OPTIONS,
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "listeners": f"{listeners},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": listeners,
        "listener.security.protocol.map": "SCRAM:SASL_SSL,CERTIFICATES:SSL,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "CERTIFICATES",
        "listener.name.certificates.ssl.client.auth": "required",
        "listener.name.scram.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.scram.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(keys / "broker.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(keys / "clients.pem"),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        # The broker is its own controller's client, over the one listener that nobody else knows.
        "super.users": "User:ANONYMOUS;User:CN=server;User:CN=admin",
        "log.dirs": str(data),
    }
    return "".join(f"{name}={value}\n" for name, value in options.items())
