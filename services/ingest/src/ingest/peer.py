"""Which address a request came from, behind proxies that are known by a setting."""

import ipaddress
from collections.abc import Iterable

from ingest.settings import Networks


def client_address(peer: str, forwarded_for: Iterable[str], trusted: Networks) -> str:
    """The nearest address that is not a trusted proxy.

    ``peer`` is the connection's other end; ``forwarded_for`` the values of X-Forwarded-For, in order. Anyone can write
    that header, so it is read from its end, and only as far as trusted proxies wrote it.
    """
    address = peer
    hops = [hop.strip() for value in forwarded_for for hop in value.split(",")]
    while hops and _is_trusted(address, trusted):
        hop = hops.pop()
        if not _is_address(hop):
            break
        address = hop
    return address


def _is_trusted(address: str, trusted: Networks) -> bool:
    return _is_address(address) and any(ipaddress.ip_address(address) in network for network in trusted)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    # A zone ("fe80::1%eth0") means something on the proxy's machine alone, and PostgreSQL's inet refuses it.
    return "%" not in text
