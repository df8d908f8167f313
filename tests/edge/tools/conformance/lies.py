"""Nodes that break the protocol: a proxy before a good one, which changes what passes."""

import json
from collections.abc import Callable
from typing import Any

from edge.tools.conformance.proxy import Cut, Straight

Frame = dict[str, Any]
Lie = Callable[[Frame], list[Frame]]


class Lying(Straight):
    """Passes on what `lie` makes of a frame of the node."""

    def __init__(self, lie: Lie) -> None:
        self._lie = lie

    def from_node(self, text: str) -> list[str]:
        return [json.dumps(frame) for frame in self._lie(json.loads(text))]


class Asking(Straight):
    """Passes on what `lie` makes of a frame of the client."""

    def __init__(self, lie: Lie) -> None:
        self._lie = lie

    def from_client(self, text: str) -> list[str]:
        try:
            frame = json.loads(text)
        except ValueError:
            return [text]
        return [json.dumps(one) for one in self._lie(frame)] if isinstance(frame, dict) else [text]


class Deaf(Straight):
    """Bears everything that is no command without a word."""

    def from_client(self, text: str) -> list[str]:
        return [] if "nonsense" in text else [text]


class Once(Straight):
    """Passes on the first `auth` of a line alone."""

    def __init__(self) -> None:
        self._came = False

    def from_client(self, text: str) -> list[str]:
        if '"auth"' not in text:
            return [text]
        first, self._came = not self._came, True
        return [text if first else text.replace('"auth"', '"auth:renew"', 1)]


class Forgetful(Straight):
    """Answers the first `sync` of a line alone."""

    def __init__(self) -> None:
        self._told = False

    def from_node(self, text: str) -> list[str]:
        if json.loads(text).get("type") != "synced":
            return [text]
        first, self._told = not self._told, True
        return [text] if first else []


class Narrow(Straight):
    """Takes frames of 65,536 bytes, and of less than a text may have."""

    def from_client(self, text: str) -> list[str]:
        if len(text.encode()) > 65_536:
            raise Cut(1009)
        return [text]


def closing_with(code: int) -> type[Straight]:
    """Closes a line with this code at the first error."""

    class Closing(Straight):
        def from_node(self, text: str) -> list[str]:
            if '"error"' in text:
                raise Cut(code)
            return [text]

    return Closing
