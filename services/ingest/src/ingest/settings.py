"""What ingest is told by its environment."""

import ipaddress
from dataclasses import dataclass
from datetime import timedelta

from adclicks.http.settings import HttpSettings
from adclicks.settings import KafkaSettings, LogSettings, number, setting, whole

Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]

_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


def networks(value: str) -> Networks:
    """Comma-separated addresses or networks in CIDR notation; IPv4-mapped ones become IPv4, as addresses do (``peer``)."""
    try:
        return tuple(_unmapped(ipaddress.ip_network(part.strip())) for part in value.split(","))
    except ValueError:
        raise ValueError("be addresses or networks, such as 10.0.0.0/8,192.168.1.7") from None


def _unmapped(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        mapped = int(network.network_address) & 0xFFFF_FFFF
        return ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED.prefixlen))
    return network


@dataclass(frozen=True)
class IngestSettings:
    """All settings of ingest."""

    http: HttpSettings
    kafka: KafkaSettings
    log: LogSettings
    linger_ms: float = setting(
        "KAFKA_LINGER_MS", "how long a click waits for others to share a request to Kafka", number(0, 1000), 5.0
    )
    acknowledge_timeout_seconds: float = setting(
        "KAFKA_ACK_TIMEOUT_SECONDS", "how long to wait for Kafka's acknowledgement before 503", number(1, 120), 5.0
    )
    queue_clicks: int = setting(
        "KAFKA_QUEUE_CLICKS",
        "how many clicks may wait for Kafka in a worker before 503",
        whole(100, 10_000_000),
        50_000,
    )
    max_ahead_hours: float = setting(
        "CLICK_MAX_AHEAD_HOURS", "how far in the future a click's timestamp may lie", number(0, 8760), 24.0
    )
    trusted_proxies: Networks = setting(
        "TRUSTED_PROXIES",
        "proxies whose X-Forwarded-For is believed, as addresses or networks separated by commas",
        networks,
        (),
    )

    @property
    def max_ahead(self) -> timedelta:
        """``max_ahead_hours`` as a time span."""
        return timedelta(hours=self.max_ahead_hours)
