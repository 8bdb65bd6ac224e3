"""Which address a click came from, behind proxies that are known by a setting."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.peer import UNKNOWN, client_address, connection_address
from ingest.settings import networks

TRUSTED = networks("10.0.0.0/8, 2001:db8::/32,192.0.2.1")


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.5", ["1.1.1.1"], "203.0.113.5"),
        ("10.1.1.1", [], "10.1.1.1"),
        ("10.1.1.1", [""], "10.1.1.1"),
        ("10.1.1.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.1.1.1", ["6.6.6.6, 198.51.100.7"], "198.51.100.7"),
        ("10.1.1.1", ["6.6.6.6, 198.51.100.7, 192.0.2.1"], "198.51.100.7"),
        ("10.1.1.1", ["6.6.6.6", "198.51.100.7 , 10.2.2.2"], "198.51.100.7"),
        ("10.1.1.1", ["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
        ("10.1.1.1", ["198.51.100.7, unknown"], "10.1.1.1"),
        ("10.1.1.1", ["198.51.100.7, fe80::1%eth0"], "10.1.1.1"),
        ("10.1.1.1", ["198.51.100.7,"], "10.1.1.1"),
        # One client is stored by one address, whichever way it came: IPv4-mapped is IPv4.
        ("2001:db8::1", ["::ffff:1.2.3.4"], "1.2.3.4"),
        ("10.1.1.1", ["203.0.113.7:51234"], "203.0.113.7"),
        ("10.1.1.1", ["[2001:db9::7]:443"], "2001:db9::7"),
        ("10.1.1.1", ["[2001:DB9:0::7]"], "2001:db9::7"),
        ("10.1.1.1", ["203.0.113.7, [::ffff:10.9.9.9]:80"], "203.0.113.7"),
        ("10.1.1.1", ["198.51.100.7:51234, 10.2.2.2:443"], "198.51.100.7"),
        ("10.1.1.1", ["198.51.100.7, _hidden"], "10.1.1.1"),
        ("10.1.1.1", ["198.51.100.7, 10.2.2.2:http"], "10.1.1.1"),
        ("10.1.1.1", ["198.51.100.7, 10.2.2.2:123456"], "10.1.1.1"),
        ("10.1.1.1", ["198.51.100.7, [10.2.2.2"], "10.1.1.1"),
        ("10.1.1.1", ["198.51.100.7, " + "1" * 100], "10.1.1.1"),
        ("10.1.1.1", ["198.51.100.7", "", "192.0.2.1"], "192.0.2.1"),
        (UNKNOWN, ["198.51.100.7"], UNKNOWN),
        ("not an address", ["198.51.100.7"], "not an address"),
    ],
)
def test_the_nearest_address_that_is_no_trusted_proxy_counts(peer: str, forwarded: list[str], expected: str) -> None:
    """The header is read from its end, and only as far as trusted proxies wrote it."""
    assert client_address(peer, forwarded, TRUSTED) == expected


@given(st.lists(st.text(max_size=30)))
def test_without_trust_the_connection_alone_counts(forwarded: list[str]) -> None:
    """Anyone can write that header."""
    assert client_address("203.0.113.5", forwarded, ()) == "203.0.113.5"
    assert client_address("203.0.113.5", forwarded, TRUSTED) == "203.0.113.5"


def test_a_chain_longer_than_any_is_read_in_part() -> None:
    """A header of trusted addresses alone costs a bounded number of looks."""
    assert client_address("10.1.1.1", ["198.51.100.7" + ", 10.2.2.2" * 1_000], TRUSTED) == "10.2.2.2"


@given(st.text(max_size=80))
def test_whatever_a_proxy_writes_an_address_is_stored(hop: str) -> None:
    """Never a text that PostgreSQL's inet refuses, and always in the canonical form."""
    found = client_address("10.1.1.1", [hop], TRUSTED)
    assert found == str(ipaddress.ip_address(found))


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        (None, UNKNOWN),
        (("203.0.113.7", 1), "203.0.113.7"),
        (("::ffff:203.0.113.7", 1), "203.0.113.7"),
        (("fe80::1%eth0", 1), "fe80::1"),
        (("testclient", 1), "testclient"),
    ],
)
def test_a_connection_has_the_address_that_is_stored(client: tuple[str, int] | None, expected: str) -> None:
    """Also on a dual-stack listener, and from a link-local neighbour."""
    assert connection_address(client) == expected


def test_mapped_networks_are_ipv4_networks() -> None:
    """An operator may write what a dual-stack listener logs."""
    assert networks("::ffff:10.0.0.0/104,::ffff:192.0.2.1") == networks("10.0.0.0/8,192.0.2.1/32")


@pytest.mark.parametrize("value", ["", "all", "10.0.0.1/8", "1.2.3.4,", "1.2.3"])
def test_networks_are_in_cidr_notation(value: str) -> None:
    """A wrong one is said at the start, not taken for nothing."""
    with pytest.raises(ValueError, match="addresses or networks"):
        networks(value)
