"""A node over memory adapters, whose answers are tested here."""

from tests.edge.socket.conftest import running

__all__ = ["running"]
