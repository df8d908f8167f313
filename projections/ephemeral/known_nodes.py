"""KnownNodes keeps in memory which nodes have a member of a conversation, so that a push need not ask the registry.

The registry is asked for a name that is not known; from then on what the nodes announce keeps the answer current. An
answer is used only while all of its nodes are heard, and for `MAX_AGE_S`; a gap in the announcements of a node, or its
silence, makes all answers unknown again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from core.ports.bus import Bus
from core.ports.node_registry import NodeLookup
from projections.ephemeral.node_announcements import CHANNEL, NodeAnnouncement, unpack_announcement

MAX_AGE_S: Final = 60.0
"""Time after which the registry is asked again for a name, in seconds."""
MAX_NAMES: Final = 100_000
"""Maximum number of names that are kept; beyond it all are forgotten and asked for again."""

Entered = Callable[[str, Collection[str]], Awaitable[None]]
"""Called with a node and the names that it has entered."""


class _Known(NamedTuple):
    nodes: frozenset[str]
    until: float


class _Heard(NamedTuple):
    life: str
    n: int
    until: float


class _Question:
    """A question to the registry that is not answered yet, and what was announced meanwhile."""

    __slots__ = ("announced", "outdated")

    def __init__(self) -> None:
        self.announced: list[NodeAnnouncement] = []
        self.outdated = False

    def current(self, found: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
        """Return the answer as the announcements since the question make it."""
        nodes = dict(found)
        for said in self.announced:
            _change(nodes, said)
        return nodes


class KnownNodes:
    """The port `NodeLookup`, in memory, over a registry whose nodes announce their changes. `follow` must run; while it
    does not, or hears nothing, every name is asked for.
    """

    def __init__(self, registry: NodeLookup, bus: Bus) -> None:
        self._registry = registry
        self._bus = bus
        self._known: dict[str, _Known] = {}
        self._heard: dict[str, _Heard] = {}
        self._questions: list[_Question] = []
        self._subscribers: list[Entered] = []

    def subscribe(self, entered: Entered) -> None:
        """Call this with a node and the names that it has entered: what was sent before may not have reached it."""
        self._subscribers.append(entered)

    async def nodes(self, conversations: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """Return the live nodes that have a member of each conversation. Raises `Unavailable`."""
        now = asyncio.get_running_loop().time()
        self._forget_silent(now)
        found = {name: known.nodes for name in conversations if (known := self._usable(name, now)) is not None}
        if unknown := [name for name in conversations if name not in found]:
            found |= await self._ask(unknown)
        return found

    async def follow(self) -> None:
        """Follow the announcements, until cancelled."""
        async for payload in self._bus.subscribe(CHANNEL):
            try:
                said = unpack_announcement(payload)
            except msgspec.DecodeError:
                self._forget_all()
                continue
            if self._hear(said) and said.entered:
                for entered in self._subscribers:
                    await entered(said.node, said.entered)

    def _usable(self, name: str, now: float) -> _Known | None:
        known = self._known.get(name)
        if known is None or not self._heard or now >= known.until or not known.nodes <= self._heard.keys():
            return None
        return known

    async def _ask(self, names: Sequence[str]) -> dict[str, frozenset[str]]:
        """Ask the registry, and keep the answer."""
        question = _Question()
        self._questions.append(question)
        try:
            found = question.current(await self._registry.nodes(names))
        finally:
            self._questions.remove(question)
        if not question.outdated:
            if len(self._known) + len(found) > MAX_NAMES:
                self._forget_all()
            until = asyncio.get_running_loop().time() + MAX_AGE_S
            self._known |= {name: _Known(nodes, until) for name, nodes in found.items()}
        return found

    def _hear(self, said: NodeAnnouncement) -> bool:
        """Apply an announcement; return whether it is new. One that does not follow the last of its node shows that
        others may have been missed.
        """
        last = self._heard.get(said.node)
        if last is not None and last.life == said.life and said.n <= last.n:
            return False
        if last is None or last.life != said.life or said.n != last.n + 1:
            self._forget_all()
        self._heard[said.node] = _Heard(said.life, said.n, asyncio.get_running_loop().time() + said.ttl_s)
        for question in self._questions:
            question.announced.append(said)
        for name in (*said.entered, *said.left):
            if (known := self._known.get(name)) is not None:
                changed = {name: known.nodes}
                _change(changed, said)
                self._known[name] = known._replace(nodes=changed[name])
        if said.stopped:
            del self._heard[said.node]
        return True

    def _forget_silent(self, now: float) -> None:
        """Forget everything once a node was not heard for its time: it is dead, or nothing is heard here."""
        if silent := [node for node, heard in self._heard.items() if heard.until <= now]:
            for node in silent:
                del self._heard[node]
            self._forget_all()

    def _forget_all(self) -> None:
        self._known.clear()
        for question in self._questions:
            question.outdated = True


def _change(nodes: dict[str, frozenset[str]], said: NodeAnnouncement) -> None:
    """Apply an announcement to the nodes of those names that are in there."""
    for name in said.entered:
        if name in nodes:
            nodes[name] |= {said.node}
    for name in said.left:
        if name in nodes:
            nodes[name] -= {said.node}
