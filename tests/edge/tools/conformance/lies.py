"""Nodes that break the protocol: a proxy in front of a correct node, which changes frames."""

import json
from collections.abc import Callable
from typing import Any

from edge.tools.conformance.proxy import Cut, Straight

Frame = dict[str, Any]
Lie = Callable[[Frame], list[Frame]]


class Lying(Straight):
    """Replaces each frame of the node by the result of `lie`."""

    def __init__(self, lie: Lie) -> None:
        self._lie = lie

    def from_node(self, text: str) -> list[str]:
        return [json.dumps(frame) for frame in self._lie(json.loads(text))]


class Asking(Straight):
    """Replaces each frame of the client by the result of `lie`."""

    def __init__(self, lie: Lie) -> None:
        self._lie = lie

    def from_client(self, text: str) -> list[str]:
        try:
            frame = json.loads(text)
        except ValueError:
            return [text]
        return [json.dumps(one) for one in self._lie(frame)] if isinstance(frame, dict) else [text]


class Deaf(Straight):
    """Ignores frames that are no command."""

    def from_client(self, text: str) -> list[str]:
        return [] if "nonsense" in text else [text]


class Once(Straight):
    """Passes only the first `auth` of a line on."""

    def __init__(self) -> None:
        self._seen = False

    def from_client(self, text: str) -> list[str]:
        if '"auth"' not in text:
            return [text]
        first, self._seen = not self._seen, True
        return [text if first else text.replace('"auth"', '"auth:renew"', 1)]


class Forgetful(Straight):
    """Answers only the first `sync` of a line."""

    def __init__(self) -> None:
        self._answered = False

    def from_node(self, text: str) -> list[str]:
        if json.loads(text).get("type") != "synced":
            return [text]
        first, self._answered = not self._answered, True
        return [text] if first else []


class Narrow(Straight):
    """Accepts frames of up to 65,536 bytes, fewer than a text may have."""

    def from_client(self, text: str) -> list[str]:
        if len(text.encode()) > 65_536:
            raise Cut(1009)
        return [text]


def writing_first(matches: Callable[[Frame], bool]) -> Callable[[], Asking]:
    """Return a proxy that sends a message of its own before a send that matches."""

    def lie(frame: Frame) -> list[Frame]:
        if frame.get("type") != "message:send" or not matches(frame):
            return [frame]
        own = {"conversation_id": frame["data"]["conversation_id"], "client_msg_id": "own", "text": "own"}
        return [{"id": f"before {frame['id']}", "type": "message:send", "data": own}, frame]

    return lambda: Asking(lie)


def closing_with(code: int) -> type[Straight]:
    """Return a handler that closes a line with this code at the first error."""

    class Closing(Straight):
        def from_node(self, text: str) -> list[str]:
            if '"error"' in text:
                raise Cut(code)
            return [text]

    return Closing
