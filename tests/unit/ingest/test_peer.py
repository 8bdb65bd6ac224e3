"""Which address a click came from, behind proxies that are known by a setting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.peer import client_address
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
        ("2001:db8::1", ["::ffff:1.2.3.4"], "::ffff:1.2.3.4"),
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


@pytest.mark.parametrize("value", ["", "all", "10.0.0.1/8", "1.2.3.4,", "1.2.3"])
def test_networks_are_in_cidr_notation(value: str) -> None:
    """A wrong one is said at the start, not taken for nothing."""
    with pytest.raises(ValueError, match="addresses or networks"):
        networks(value)
