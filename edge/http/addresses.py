"""Where a request comes from: the peer, or whom the peer speaks for if it is a proxy of ours."""

import ipaddress
from collections.abc import Sequence

from core.settings import Network, address_of, is_within


def client_of(peer: str | None, forwarded: str, proxies: Sequence[Network]) -> str:
    """What a client is counted under: an IPv4 address, or the /64 of an IPv6 one, which one host has for itself.

    `forwarded` is the `X-Forwarded-For` header. Only what our own proxies added to it is believed: from its end, the
    first address that is none of theirs. A peer without an address is counted as one client, and so is rubbish.
    """
    at, hops = peer, [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    while hops and is_within(at, proxies):
        at = hops.pop()
    client = address_of(at)
    if isinstance(client, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((client, 64), strict=False))
    return str(client or "unknown")
