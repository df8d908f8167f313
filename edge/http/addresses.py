"""Find the client address of a request: the peer, or the client behind it if the peer is a proxy of ours."""

import ipaddress
from collections.abc import Sequence

from core.settings import Network, address_of, is_within


def client_of(peer: str | None, forwarded: str, proxies: Sequence[Network]) -> str:
    """Return the key under which a client is counted: an IPv4 address, or the /64 network of an IPv6 one.

    `forwarded` is the `X-Forwarded-For` header. Only what our own proxies added is trusted: from its end, the first
    address that is none of theirs. All peers without an address count as one client, and so do malformed addresses.
    """
    address, hops = peer, [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    while hops and is_within(address, proxies):
        address = hops.pop()
    client = address_of(address)
    if isinstance(client, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((client, 64), strict=False))
    return str(client or "unknown")
