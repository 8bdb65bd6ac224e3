"""The three servers behind TLS: as a service finds them, with its own name, in mounted files."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Literal

import redis

from localstack.guardian import Guardian
from localstack.jars import cache_folder
from localstack.kafka import Kafka
from localstack.ports import HOST
from localstack.postgres import Postgres
from localstack.stack import InfraStack, prepare_java
from localstack.valkey import Valkey
from testbed.certificates import Authority, MountedSecret
from testbed.kafka_acls import acls
from testbed.secured_kafka import SecuredKafka
from testbed.tls_terminator import TlsTerminator

Login = Literal["scram", "certificate"]
LOGINS: tuple[Login, ...] = ("scram", "certificate")
SERVICES = ("ingest", "consumer", "analytics")
PASSWORD = "correct horse"
REDIS_USER = "ads"


@dataclass(frozen=True)
class Mounts:
    """What is mounted into a service's pod: the servers' CA, and its own certificate for Kafka."""

    authority: MountedSecret
    client: MountedSecret

    def replace(self, authority: Authority, name: str) -> None:
        """All of it anew, of another authority."""
        self.authority.replace({"ca.crt": authority.certificate})
        self.client.replace(_client_files(authority, name))


class SecuredStack:
    """A Kafka of its own; PostgreSQL and Valkey are those of ``infra``, reached over TLS only.

    Its ``environment`` is that of an administrator, who may do all in Kafka.
    """

    kafka: Kafka
    postgres: Postgres
    valkey: Valkey

    def __init__(self, infra: InfraStack, folder: Path, guardian: Guardian) -> None:
        self.authority = Authority()
        self.postgres, self.valkey = infra.postgres, infra.valkey
        self._folder = folder
        java = prepare_java(cache_folder(os.environ, Path.home()))
        self.kafka = self.broker = SecuredKafka(folder / "kafka", self.authority, folder / "kafka.log", guardian, java)
        server = self.authority.server(HOST)
        self.postgres_tls = TlsTerminator(infra.postgres.port, server, _made(folder / "postgres"), postgresql=True)
        self.valkey_tls = TlsTerminator(infra.valkey.port, server, _made(folder / "valkey"))
        self._mounts: dict[str, Mounts] = {}

    @property
    def environment(self) -> dict[str, str]:
        """An administrator's variables."""
        mounted = self.mounts("admin")
        return {**self.postgres.environment(), **self._stores(mounted), **self.broker.admin_environment}

    def start(self) -> None:
        """Kafka, and whom the servers know by a password."""
        self.broker.start()
        for service in SERVICES:
            self.broker.add_user(service, PASSWORD)
        with self._plain_redis() as client:
            client.acl_setuser(
                REDIS_USER, enabled=True, passwords=[f"+{PASSWORD}"], keys=["*"], commands=["+@all", "-@admin"]
            )

    def stop(self) -> None:
        """Leaves the servers of ``infra`` as they were."""
        with self._plain_redis() as client:
            client.acl_deluser(REDIS_USER)
        self.postgres_tls.close()
        self.valkey_tls.close()
        self.broker.stop()

    def grant(self, topic: str, group: str) -> None:
        """Each service may do in Kafka what the chart asks for, however it logs in."""
        for service, wanted in acls(topic, group).items():
            for principal in (f"User:{service}", f"User:CN={service}"):
                self.broker.grant(principal, wanted)

    def mounts(self, service: str) -> Mounts:
        """The service's mounted files."""
        if service not in self._mounts:
            folder = self._folder / "mounted" / service
            self._mounts[service] = Mounts(
                MountedSecret(folder / "ca", {"ca.crt": self.authority.certificate}),
                MountedSecret(folder / "client", _client_files(self.authority, service)),
            )
        return self._mounts[service]

    def login(self, service: str, how: Login) -> dict[str, str]:
        """The service's own variables."""
        mounted = self.mounts(service)
        kafka = {"KAFKA_CA_FILE": str(mounted.authority.folder), "KAFKA_CERT_FILE": "", "KAFKA_KEY_FILE": ""}
        if how == "scram":
            kafka |= {
                "KAFKA_ADDRESS": f"{HOST}:{self.broker.port}",
                "KAFKA_SECURITY_PROTOCOL": "sasl_ssl",
                "KAFKA_USERNAME": service,
                "KAFKA_PASSWORD": PASSWORD,
            }
        else:
            kafka |= {
                "KAFKA_ADDRESS": f"{HOST}:{self.broker.certificate_port}",
                "KAFKA_SECURITY_PROTOCOL": "ssl",
                "KAFKA_CERT_FILE": mounted.client.path("user.crt"),
                "KAFKA_KEY_FILE": mounted.client.path("user.key"),
            }
        return {**kafka, **self._stores(mounted)}

    def copied_login(self, service: str, how: Login) -> dict[str, str]:
        """As ``login``, with files that stay as they are now."""
        folder = Path(mkdtemp(dir=self._folder))
        found = self.login(service, how)
        for name, value in found.items():
            if value.startswith(str(self._folder)):
                found[name] = str(folder / name)
                copy = shutil.copytree if Path(value).is_dir() else shutil.copyfile
                copy(value, folder / name)
        return found

    def rotate(self) -> None:
        """Everything anew: another CA, which no server and no client shares with the one before."""
        self.authority = Authority()
        self.broker.stop()
        self.broker.trust(self.authority)
        self.broker.start()
        for terminator in (self.postgres_tls, self.valkey_tls):
            terminator.present(self.authority.server(HOST))
        for service, mounted in self._mounts.items():
            mounted.replace(self.authority, service)

    def _stores(self, mounted: Mounts) -> dict[str, str]:
        return {
            "DB_PORT": str(self.postgres_tls.port),
            "DB_SSL": "verify-full",
            "DB_SSL_ROOT_CERT": mounted.authority.path("ca.crt"),
            "REDIS_ADDR": f"{HOST}:{self.valkey_tls.port}",
            "REDIS_TLS": "true",
            "REDIS_CA_FILE": mounted.authority.path("ca.crt"),
            "REDIS_USERNAME": REDIS_USER,
            "REDIS_PASSWORD": PASSWORD,
        }

    def _plain_redis(self) -> "redis.Redis":
        return redis.Redis(host=HOST, port=self.valkey.port)


def _client_files(authority: Authority, name: str) -> dict[str, bytes]:
    issued = authority.client(name)
    return {"user.crt": issued.certificate, "user.key": issued.key}


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
