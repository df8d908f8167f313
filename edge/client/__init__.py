"""The protocol from a program's side: commands in order, pushes each once, and a line that comes back by itself."""

from edge.client.client import Client
from edge.client.wire import CommandError, Event, Refused

__all__ = ["Client", "CommandError", "Event", "Refused"]
