"""An installation whose clients reach Kafka through a proxy."""

from dataclasses import dataclass

from localstack.kafka import Kafka
from localstack.postgres import Postgres
from localstack.valkey import Valkey
from testbed.fencing_proxy import FencingProxy
from testbed.installation import Installation


@dataclass(frozen=True)
class Servers:
    """As ``testbed.installation`` wants them; clients are told of ``address`` instead of the broker's own."""

    kafka: Kafka
    postgres: Postgres
    valkey: Valkey
    address: str

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which services find them."""
        found = {**self.kafka.environment(), **self.postgres.environment(), **self.valkey.environment()}
        return {**found, "KAFKA_ADDRESS": self.address}


@dataclass(frozen=True)
class Proxied:
    """A broker of its own, the proxy before it, and an installation that knows the proxy alone."""

    proxy: FencingProxy
    kafka: Kafka
    installation: Installation
