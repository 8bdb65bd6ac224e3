"""Which address a request came from, behind proxies that are known by a setting."""

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache

from ingest.settings import Networks

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

UNKNOWN = "0.0.0.0"  # noqa: S104 the unknown address, nothing listens on it
# More proxies than any chain has; each costs a look into the trusted networks.
_HOPS_MAX = 32
# "[2001:db8::7]:65535" in its longest form has 47 characters.
_HOP_LENGTH_MAX = 64
# Addresses repeat from click to click, and the proxies' own most of all.
_REMEMBERED = 4_096
# Some proxies add the port of the connection; an IPv6 address stands in brackets then.
_WITH_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::[0-9]{1,5})?")


def connection_address(client: tuple[str, int] | None) -> str:
    """The address of a connection's other end, as it is stored; ``UNKNOWN`` where there is none (a Unix socket).

    On a dual-stack listener an IPv4 client has an IPv4-mapped address, and a link-local one a zone that means something
    on this machine alone.
    """
    if client is None:
        return UNKNOWN
    address = _parse(client[0].partition("%")[0])
    return client[0] if address is None else str(address)


def client_address(peer: str, forwarded_for: Iterable[str], trusted: Networks) -> str:
    """The nearest address that is not a trusted proxy.

    ``peer`` is the ``connection_address``; ``forwarded_for`` the values of X-Forwarded-For, in order. Anyone can write
    that header, so it is read from its end, and only as far as trusted proxies wrote it. What is no address ("unknown",
    "_hidden", nothing) ends it: the proxy that wrote it counts.
    """
    address = _parse(peer)
    hops = [hop for value in forwarded_for for hop in value.split(",")][-_HOPS_MAX:]
    while address is not None and hops and any(address in network for network in trusted):
        hop = _parse_hop(hops.pop().strip())
        if hop is None:
            break
        address = hop
    return peer if address is None else str(address)


def _parse_hop(text: str) -> Address | None:
    if len(text) > _HOP_LENGTH_MAX:
        return None
    with_port = _WITH_PORT.fullmatch(text)
    return _parse(text if with_port is None else with_port[1] or with_port[2])


@lru_cache(_REMEMBERED)
def _parse(text: str) -> Address | None:
    """IPv4 where it is an IPv4-mapped address. A zone ("fe80::1%eth0") makes no address: PostgreSQL's inet has none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return address
    return None if address.scope_id is not None else address.ipv4_mapped or address
