"""Where a request comes from: the peer, or whom the peer speaks for if it is a proxy of ours."""

import ipaddress
from collections.abc import Sequence

from core.settings import Network


def client_of(peer: str | None, forwarded: str, proxies: Sequence[Network]) -> str:
    """What a client is counted under: an IPv4 address, or the /64 of an IPv6 one, which one host has for itself.

    `forwarded` is the `X-Forwarded-For` header. Only what our own proxies added to it is believed: from its end, the
    first address that is none of theirs. A peer without an address is counted as one client, and so is rubbish.
    """
    client = _address(peer or "")
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    while client is not None and hops and any(client in network for network in proxies):
        client = _address(hops.pop())
    if isinstance(client, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((client, 64), strict=False))
    return str(client or "unknown")


def is_proxy(peer: str | None, proxies: Sequence[Network]) -> bool:
    """Whether a peer is one of these."""
    client = _address(peer or "")
    return client is not None and any(client in network for network in proxies)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
