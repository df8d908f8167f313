"""Explain why a program cannot listen on its address, and which setting to change."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

PORT: Final = "--port or CAAS_PORT"
SOCKET_PORT: Final = "--port or CAAS_SOCKET_PORT"
COMPLIANCE_PORT: Final = "--port or CAAS_COMPLIANCE_PORT"


class CannotListen(OSError):
    """This address cannot be listened on."""


@contextmanager
def named(host: str, port: int, setting: str = PORT) -> Iterator[None]:
    """Raise an `OSError` of the block as `CannotListen`; `setting` is how the port is chosen."""
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        why = os.strerror(number) if number > 0 else error.strerror or str(error)  # a name not found has none
        if error.errno == errno.EADDRINUSE:
            advice = f"{setting} names another port (`ss -ltnp` says who has this one)"
        elif error.errno == errno.EACCES:
            advice = f"{setting} names another port; those below 1024 are for privileged programs"
        else:
            advice = "CAAS_HOST names the address to listen on"
        raise CannotListen(f"cannot listen on {host}:{port}: {why}: {advice}") from error
