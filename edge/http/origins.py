"""Origins checks which pages may connect: browsers send the origin of the page that opens a socket.

Programs that are no browsers send no `Origin` and may connect. An origin proves nothing about them: what opens a
session is its token.
"""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

ANY: Final = "*"
LOOPBACK: Final = "localhost"


class Origins:
    """The origins that may connect. `listed`: exact origins separated by commas, `*` for any. If it is empty: pages of
    the host that the socket was requested from and of the host of `public_url`, on any port; all loopback names are one
    host.
    """

    def __init__(self, listed: str, public_url: str = "") -> None:
        self._listed = frozenset(origin.strip().lower() for origin in listed.split(",") if origin.strip())
        self._public = _host(public_url)

    def allows(self, origin: str | None, host: str) -> bool:
        """Return whether a page of this origin may connect; `host` is the `Host` header of its handshake."""
        if origin is None or ANY in self._listed:
            return True
        if self._listed:
            return origin.lower() in self._listed
        page = _host(origin)
        return page is not None and page in {_host(f"//{host}"), self._public}


def _host(url: str) -> str | None:
    """Return the host name, one for all loopback names; None if there is none."""
    try:
        name = urlsplit(url).hostname
    except ValueError:
        return None
    return LOOPBACK if name and _is_loopback(name) else name or None


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == LOOPBACK or name.endswith("." + LOOPBACK)
