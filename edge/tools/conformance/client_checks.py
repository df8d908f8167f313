"""Checks the rules of a client from a proxy in its lines: compares what it sends with what it received.

Frames are passed to a line's `Watched` as they pass to the client; those that the proxy dropped were never received.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from edge.tools.conformance import handover_checks
from schemas.commands.queries import Sync
from schemas.wire.frames import LANES, USER
from schemas.wire.request import Invalid, decode_command, decode_frame

RULES: Final = {
    "frames": "Every frame is a command of the protocol, in text, within the limits.",
    "hello": "Nothing but `auth` is sent before hello.",
    "ids": "The ids of unanswered commands of a line are different.",
    "repeats": "A command whose answer was lost with its line is sent again, with the same keys and `retry` true.",
    "order": "Repeats of a conversation are sent in their order, before newer commands.",
    "syncs": "On every line after the first, `sync` is sent within five seconds.",
    "holes": "A gap in a lane is followed by a `sync` within five seconds.",
    "claims": "Positions are no higher than what was received without a gap.",
    "patience": "After going-away the client reconnects, and not before `reconnect_after_ms`.",
    "leaving": handover_checks.RULE,
}
TIMEOUT_S: Final = 5.0
KEYS: Final = ("client_msg_id", "client_key")

Place = tuple[str, str]
"""Conversation and lane."""


@dataclass(slots=True)
class Lane:
    """The numbers received of one lane: all up to `whole`, and some more in `beyond`."""

    whole: int | None = None
    beyond: set[int] = field(default_factory=set)

    def received(self, n: int) -> None:
        """Record a push; the first one of a lane may have any number."""
        if self.whole is None:
            self.whole = n - 1
        if n > self.whole:
            self.beyond.add(n)
        self._close()

    def reached(self, n: int) -> None:
        """Record the position that a `synced` gave."""
        self.whole = max(self.whole or 0, n)
        self.beyond = {one for one in self.beyond if one > self.whole}
        self._close()

    def _close(self) -> None:
        while self.whole is not None and self.whole + 1 in self.beyond:
            self.whole += 1
            self.beyond.discard(self.whole)


class Client:
    """The state of one client over all its lines; `now` is a clock in seconds, `wrong` has the violations by rule."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.seen: Counter[str] = Counter()
        self.wrong: dict[str, list[str]] = {}
        self.lanes: dict[Place, Lane] = {}
        self.lines = 0
        self.owed: dict[str, dict[str, Any]] = {}
        self.holes: dict[Place, float] = {}
        self.away_until: float | None = None
        self.leaving = handover_checks.Leaving(now, lambda so, why: self.holds("leaving", so=so, why=why))

    def holds(self, rule: str, *, so: bool, why: str) -> None:
        """Count a test of a rule; record `why` if it does not hold."""
        self.seen[rule] += 1
        if not so:
            self.wrong.setdefault(rule, []).append(why)

    def lane(self, place: Place) -> Lane:
        """Return the state of this lane."""
        return self.lanes.setdefault(place, Lane())

    def over(self) -> None:
        """End the test: commands still owed and gaps without a sync are violations."""
        for place, since in self.holes.items():
            if self.now() - since > TIMEOUT_S:
                self.holds("holes", so=False, why=f"no sync followed the gap in {place}")
        if self.lines > 0:
            for frame in self.owed.values():
                self.holds("repeats", so=False, why=f"{frame['type']} was never sent again")


class Watched:
    """The state of one line of a client."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._began = client.now()
        self._first = client.lines == 0
        self._greeted = False
        self._open: dict[Any, dict[str, Any]] = {}
        self._synced = False
        client.lines += 1
        client.holes = dict.fromkeys(client.holes, self._began)  # without a line the client could not sync
        if client.away_until is not None:
            early = client.away_until - self._began
            client.holds("patience", so=early < 0.05, why=f"it reconnected {early:.2f} s too early")
            client.away_until = None

    def to_be_left(self, after_s: float) -> None:
        """Record that the client must leave this line, which still serves, after `after_s` seconds."""
        self._client.leaving.asked(self, after_s)

    @property
    def left_late(self) -> bool:
        """Whether the client should have left this line by now."""
        return self._client.leaving.is_over(self)

    @property
    def syncing(self) -> bool:
        """Whether the client waits for a `sync`."""
        return any(frame["type"] == "sync" for frame in self._open.values())

    # Sent by the client

    def sent(self, text: str) -> None:
        """Check a text frame of the client, before it is passed on."""
        client = self._client
        frame = msgspec.json.decode(text) if text.startswith("{") else {}
        if frame.get("type") == "auth":
            return
        client.holds("hello", so=self._greeted, why=f"{text[:200]} is sent before hello")
        try:
            command = decode_command(decode_frame(text))
        except Invalid as invalid:
            client.holds("frames", so=False, why=f"{invalid.problem.detail}: {text[:200]}")
            return
        client.holds("frames", so=True, why="")
        client.holds("ids", so=frame.get("id") not in self._open, why=f"id {frame.get('id')} is used twice")
        self._open[frame.get("id")] = frame
        if isinstance(command, Sync):
            self._sync_sent(command)
        else:
            self._check_repeat(frame)

    def _sync_sent(self, sync: Sync) -> None:
        client, self._synced = self._client, True
        if not self._first:
            client.holds("syncs", so=client.now() - self._began <= TIMEOUT_S, why="the first sync of a line was late")
        claimed = {(key, lane): n for key, lanes in sync.positions.items() for lane, n in lanes.items()}
        claimed |= {} if sync.user is None else {(USER, USER): sync.user}
        for place, n in claimed.items():
            whole = client.lane(place).whole
            client.holds("claims", so=n <= (whole or 0), why=f"{place} is claimed up to {n}, received up to {whole}")
        for place in [place for place in client.holes if place[0] in sync.positions or place[0] == USER]:
            since = client.holes.pop(place)
            client.holds("holes", so=client.now() - since <= TIMEOUT_S, why=f"the sync of {place} was late")

    def _check_repeat(self, frame: dict[str, Any]) -> None:
        client, key = self._client, key_of(frame)
        if key is None:
            return
        owed = client.owed.pop(key, None)
        if owed is not None:
            same = (owed["type"], owed["data"]) == (frame["type"], frame["data"]) and frame.get("retry") is True
            client.holds("repeats", so=same, why=f"{frame} repeats {owed}")
        where = frame["data"].get("conversation_id")
        before = [one for one in client.owed.values() if one["data"].get("conversation_id") == where]
        late = [one for one in before if owed is None or one["place"] < owed["place"]]
        client.holds("order", so=not late, why=f"{frame} is sent before {late[:1]}")

    # Received by the client

    def received(self, text: str) -> None:
        """Record a text frame of the node, as it is passed on to the client."""
        client, frame = self._client, msgspec.json.decode(text)
        if frame.get("id") is not None and frame["type"] != "hello":
            self._answered(frame)
        elif frame["type"] == "hello":
            self._greeted = True
            client.leaving.opened(self)
        elif frame["type"] == "going-away":
            client.away_until = client.now() + frame["data"]["reconnect_after_ms"] / 1000
        elif frame.get("lane") in {*LANES, USER}:
            place = (USER if frame["lane"] == USER else frame["data"]["conversation_id"], frame["lane"])
            lane = client.lane(place)
            lane.received(frame["n"])
            if lane.beyond:
                client.holes.setdefault(place, client.now())
            else:
                client.holes.pop(place, None)

    def _answered(self, frame: dict[str, Any]) -> None:
        command = self._open.pop(frame["id"], None)
        if frame["type"] == "synced" and command is not None and command["data"].get("tell", True):
            positions = frame["data"]["positions"]
            for key in frame["data"].get("reset", ()):
                for place in [place for place in self._client.lanes if place[0] == key]:
                    del self._client.lanes[place]
            for place, n in [((key, lane), n) for key, lanes in positions.items() for lane, n in lanes.items()]:
                self._client.lane(place).reached(n)
            if frame["data"].get("user") is not None:
                self._client.lane((USER, USER)).reached(frame["data"]["user"])

    def closed(self) -> None:
        """Close the line: its unanswered commands are owed."""
        client = self._client
        client.leaving.closed(self)
        if not self._first and not self._synced and client.now() - self._began > TIMEOUT_S:
            client.holds("syncs", so=False, why="a line without a sync")
        for place, frame in enumerate(self._open.values()):
            if (key := key_of(frame)) is not None:
                client.owed.setdefault(key, {**frame, "place": (client.lines, place)})


def key_of(frame: dict[str, Any]) -> str | None:
    """Return the key that a command keeps through all its repeats; None for a query."""
    data = frame.get("data") or {}
    key = next((data[name] for name in KEYS if data.get(name)), None)
    return None if key is None else f"{frame['type']} {data.get('conversation_id')} {data.get('message_id')} {key}"
