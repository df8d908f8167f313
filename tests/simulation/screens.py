"""Simulated clients: one per user, on one node after another; each keeps its positions and syncs missed frames.

They follow the protocol's documentation: a push with the next number is applied, a known one is dropped, a gap or an
unknown conversation causes a `sync`; a new message never replaces a known one.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec

from core.identity import Identity
from core.ports.memberships import NotReady
from edge.socket.session.client_session import ClientSession
from schemas.wire.frames import CURSORS, PUSH_OF_LANE, PUSH_OF_USER, USER
from tests.simulation.edges import Node
from tests.simulation.fold import place_of
from tests.simulation.users import TENANT

LANE_OF = {kind: lane for lane, kind in PUSH_OF_LANE.items()}
OWN = "own lane"
"""Used in place of a conversation for the user lane."""
Vector = dict[str, dict[str, int]]


@dataclass(frozen=True)
class Shown:
    """One numbered frame, its time and session; `live` if it was pushed, not synced."""

    user: str
    at: float
    session: int
    live: bool
    conversation: str
    lane: str
    n: int
    data: dict[str, Any]


@dataclass(eq=False)
class Screen:
    """One user's client."""

    user: str
    shown: list[Shown] = field(default_factory=list)
    positions: Vector = field(default_factory=dict)
    texts: dict[str, str | None] = field(default_factory=dict)
    on: dict[str, list[tuple[str, list[str]]]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    own: int = 0
    boxes: dict[str, dict[str, Any]] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    cursors: dict[tuple[str, str], int] = field(default_factory=dict)
    """By room and user, the last shown read cursor of that user."""
    sessions: int = 0
    node: Node | None = None
    client: ClientSession | None = None
    syncing: bool = False
    again: bool = False
    stayed: bool = False
    synced: asyncio.Event = field(default_factory=asyncio.Event)

    async def connect(self, node: Node) -> None:
        """Disconnect, connect to this node, and sync."""
        self.disconnect()
        self.sessions += 1
        self.node, number = node, self.sessions
        identity = Identity(TENANT, self.user, 1e12, ("",))
        await node.ready.wait()
        try:
            client = await node.node.connect(
                identity,
                lambda frame: self.hear(node, number, frame, live=False),
                push=lambda frame: self.hear(node, number, frame, live=True),
            )
        except NotReady:
            await asyncio.sleep(0.3)
            if number == self.sessions:
                await self.connect(node)
            return
        if number != self.sessions:
            node.node.disconnect(client)
            return
        self.client = client
        self.syncing = False
        self.sync()

    def disconnect(self) -> None:
        client, self.client = self.client, None
        if client is not None and self.node is not None and not self.node.process.dead:
            self.node.node.disconnect(client)

    def sync(self) -> None:
        """Sync everything after the positions; one sync at a time."""
        if self.client is None or self.node is None or self.node.process.dead:
            return
        if self.syncing:
            self.again = True
            return
        self.syncing, self.again = True, False
        data = {"positions": self.positions, "user": self.own}
        frame = msgspec.json.encode({"id": self.sessions, "type": "sync", "data": data})
        self.node.later(self.node.node.receive(self.client, frame))

    def hear(self, node: Node, number: int, frame: bytes, *, live: bool) -> None:
        if node.process.dead or number != self.sessions:
            return
        said = msgspec.json.decode(frame)
        if said["type"] in LANE_OF:
            self.show(number, said, live=live)
        elif said["type"] == PUSH_OF_USER:
            self.keep(number, said, live=live)
        elif said["type"] == CURSORS:
            for cursor in said["data"]["cursors"]:
                place = said["data"]["conversation_id"], cursor["user_id"]
                self.cursors[place] = max(cursor["read_seq"], self.cursors.get(place, 0))
        elif said["type"] == "synced":
            self.syncing = False
            self.reach(said["data"]["positions"])
            self.own = max(self.own, said["data"]["user"] or 0)
            if not said["data"]["complete"] or self.again:
                self.sync()
            else:
                self.synced.set()
        elif said["type"] == "error":
            self.syncing = False
            asyncio.get_running_loop().call_later(0.3, self.sync)

    def reach(self, positions: Vector) -> None:
        for key, lanes in positions.items():
            mine = self.positions.setdefault(key, {})
            for lane, n in lanes.items():
                mine[lane] = max(n, mine.get(lane, 0))

    def keep(self, number: int, said: dict[str, Any], *, live: bool) -> None:
        """Apply a frame of the user lane: the newest has the inbox of a conversation."""
        data, n = said["data"], said["n"]
        self.shown.append(Shown(self.user, asyncio.get_running_loop().time(), number, live, OWN, USER, n, data))
        if data["hidden"] is not None:
            self.hidden.add(data["hidden"])
        if n >= self.boxes.get(place_of(data), {}).get("n", 0):
            self.boxes[place_of(data)] = {**data, "n": n}
        if live and n == self.own + 1:
            self.own = n
        elif live and n > self.own:
            self.sync()

    def show(self, number: int, said: dict[str, Any], *, live: bool) -> None:
        data, lane, n = said["data"], LANE_OF[said["type"]], said["n"]
        key, now = data["conversation_id"], asyncio.get_running_loop().time()
        self.shown.append(Shown(self.user, now, number, live, key, lane, n, data))
        reached = self.positions.get(key, {}).get(lane)
        if reached is not None and n <= reached:
            return
        if lane != "conversation":
            self.mark(lane, data)
        if lane == "sent":
            self.texts.setdefault(data["message_id"], data["text"])
        elif lane in {"edited", "deleted"}:
            self.texts[data["message_id"]] = None if data["message_id"] in self.gone else data["text"]
        if not live:
            return
        if reached is None or n > reached + 1:
            self.sync()
        elif n == reached + 1:
            self.positions[key][lane] = n

    def mark(self, lane: str, data: dict[str, Any]) -> None:
        """Apply reactions; those of a known message only from the reaction lane: other lanes may have older ones."""
        said = [(one["emoji"], one["users"]) for one in data.get("reactions", ())]
        if lane == "reaction" or data["message_id"] not in self.on:
            self.on[data["message_id"]] = said
        if data.get("deleted"):
            self.gone.add(data["message_id"])
        if data["message_id"] in self.gone:
            self.on[data["message_id"]] = []
