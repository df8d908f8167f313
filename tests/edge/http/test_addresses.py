"""A client is counted under its own address, also behind our proxies, and cannot choose another."""

import pytest

from core.settings import networks
from edge.http.addresses import client_of

OURS = networks("10.0.0.0/8, 127.0.0.1, fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "rubbish", "unknown"),
        ("10.0.0.1", "203.0.113.7, rubbish", "unknown"),
        ("::ffff:203.0.113.7", "", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "", "fe80::/64"),
        ("fd00::1", "2001:db8:1:2::9", "2001:db8:1:2::/64"),
        (None, "", "unknown"),
    ],
)
def test_client_address_is_found(peer: str | None, forwarded: str, client: str) -> None:
    assert client_of(peer, forwarded, OURS) == client


def test_forwarded_header_is_ignored_without_proxies() -> None:
    assert client_of("127.0.0.1", "203.0.113.7", ()) == "127.0.0.1"
