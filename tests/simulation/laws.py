"""The laws that hold after every schedule: the ten ideas of the design, as far as one seed can show them."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from core.domain.conversation import Conversation
from projections.conversations import conversation_rows
from projections.messages import message_rows
from schemas.commands.conversation import CreateConversation
from schemas.commands.inbox import ReadMessages
from schemas.commands.message import ForwardMessage, SendMessage
from schemas.wire.views import MessageView
from tests.simulation import fold
from tests.simulation.audited import audited
from tests.simulation.boxes import boxes
from tests.simulation.cursors import cursors
from tests.simulation.edges import Asked
from tests.simulation.fold import LogEvent, Whole
from tests.simulation.followed import traced
from tests.simulation.history import History
from tests.simulation.leaves import pages
from tests.simulation.named import named
from tests.simulation.outcomes import buried, effects, pushes
from tests.simulation.refusal_laws import refused, unchanged
from tests.simulation.replays import replays
from tests.simulation.sights import complete, confined, ordered
from tests.simulation.stays import edges
from tests.simulation.unpersisted import given_back
from tests.simulation.world import World

Broken = Iterator[str]
CARRIED = ("thread_root", "mentions", "attachments", "ciphertext", "metadata", "forwarded_from")
STALE_S = 5.0
"""Maximum lag of a view that decisions use, in seconds; detecting it takes two seconds more."""


def broken(world: World) -> list[str]:
    """Return every broken law, with details; those found while the world ran come first."""
    whole = fold.whole(world.ledger.storage.records)
    history = History(world)
    laws: tuple[Broken, ...] = (
        acknowledged(world, history),
        numbered(world, whole),
        texts(world, whole),
        rooms(world, whole),
        refused(world, history),
        unchanged(world, history),
        effects(world, whole),
        buried(world),
        pushes(world, whole),
        bounded(world),
        ordered(world),
        complete(world, whole),
        confined(world, whole),
        pages(world, whole),
        boxes(world, whole),
        cursors(world, whole),
        replays(world),
        edges(world, history),
        named(world, whole),
        given_back(world),
        audited(world),
        traced(world),
    )
    return [*world.broken, *(what for law in laws for what in law)]


def bounded(world: World) -> Broken:
    """Law 10: no command is accepted on a view older than the documented bound of a removal."""
    bound = STALE_S + 2.0 + 2 * world.weather.long_s
    for asked in world.asked:
        if asked.behind_s > bound:
            yield f"law 10: {asked.edge} decided on a view {asked.behind_s:.1f} s old: {asked}"


def acknowledged(world: World, history: History) -> Broken:
    """Law 1: an accepted command is in the log at its answer; one command has one id."""
    ids: dict[str, str] = {}
    for asked in world.asked:
        cut = isinstance(asked.command, ReadMessages)  # it is cut to the last message, and its id is derived from that
        back = isinstance(asked.command, CreateConversation) and _brought_back(asked, history)
        there = history.first.get(asked.event_id, 1 << 60) <= asked.answered
        if asked.outcome == "accepted" and not (cut or back or there):
            yield f"law 1: {asked.command} was accepted as {asked.event_id}, which is not in the log"
        if asked.outcome in {"accepted", "unchanged"} and isinstance(asked.command, SendMessage | ForwardMessage):
            key = f"{asked.context.actor} {asked.command.conversation_id} {asked.command.client_msg_id}"
            if ids.setdefault(key, asked.reply["message_id"]) != asked.reply["message_id"]:
                yield f"law 1: {asked.command} was acknowledged under two ids"
            if asked.reply["message_id"] not in history.sent:
                yield f"law 1: {asked.command} was acknowledged, and its message is not in the log"


def _brought_back(asked: Asked, history: History) -> bool:
    """Return whether a user had been brought back by then: that event has its own id, whoever created it."""
    returns = history.returns.get(asked.reply.get("conversation_id", ""), ())
    return any(moment <= asked.answered for moment in returns)


def numbered(world: World, whole: Whole) -> Broken:
    """Law 2: numbers of a lane count from 1 without gaps; and a head is the last one."""
    for (key, lane), events in whole.lanes.items():
        if lane == "user":
            continue
        model = "conversations" if lane == "conversation" else "messages"
        head = world.watch.rows(model, "heads").get(key, {}).get(lane, {"pos": -1, "n": 0})
        if (head["pos"], head["n"]) != (events[-1].position, len(events)):
            yield f"law 2: the head of {lane} of {key} is {head}, not {len(events)} at {events[-1].position}"
        for n, event in enumerate(events, start=1):
            if (found := _number(world, lane, event)) != n:
                yield f"law 2: {event} is number {found} of {lane}, not {n}"


def _number(world: World, lane: str, event: LogEvent) -> int | None:
    if lane == "conversation":
        change = world.watch.rows("conversations", "changes").get(event.id)
        return None if change is None else int(change["change"]["n"])
    facet = world.watch.rows("messages", "messages").get(event.row, {}).get(lane)
    if facet is None or lane == "sent":
        return None if facet is None else int(facet["n"])
    if lane == "reaction":
        return next((int(n) for event_id, _, n, *_ in facet["told"] if event_id == event.id), None)
    return next((int(version["n"]) for version in facet["versions"] if version["id"] == event.id), None)


def texts(world: World, whole: Whole) -> Broken:
    """Law 3: message rows equal the log, and there are no others; so do the index's entries."""
    rows = world.watch.rows("messages", "messages")
    index = world.index._entries.get(1, {})
    for unknown in rows.keys() - whole.said.keys():
        yield f"law 3: there is a row {unknown} of no record"
    for message_id, said in whole.said.items():
        view = message_rows.view(rows[message_id]) if message_id in rows else None
        if (view is None) != (said.sent is None):
            yield f"law 3: {message_id} is {view}, the log says {said}"
        elif view is not None and (view.text, view.deleted) != (said.text, said.withdrawn):
            yield f"law 3: {message_id} is {view}, the log says {said.text!r}, deleted {said.deleted}"
        elif view is not None and _carried(view) != said.carried:
            yield f"law 3: {message_id} carries {_carried(view)}, the log says {said.carried}"
        elif view is not None and [(one.emoji, one.users) for one in view.reactions] != said.on:
            yield f"law 3: {message_id} has {view.reactions}, the log says {said.on}"
        answers = [said.seq for said in whole.said.values() if said.root == message_id]
        facet = rows.get(message_id, {}).get("thread", {"n": 0, "last": 0})
        if (facet["n"], facet["last"]) != (len(answers), max(answers, default=0)):
            yield f"law 3: the thread of {message_id} is {facet}, the log has {answers}"
        entry = index.get(message_id)
        if said.sent is not None and (entry is None or entry.text != said.text):
            yield f"law 3: the index has {entry} for {message_id}, the log says {said.text!r}"


def _carried(view: MessageView) -> dict[str, Any]:
    """Return the content of a view beside the text, as JSON values."""
    return {name: value for name, value in msgspec.to_builtins(view).items() if name in CARRIED}


def rooms(world: World, whole: Whole) -> Broken:
    """Law 3: members and settings equal the log, in the read model and at every node."""
    rows, people = world.watch.rows("conversations", "conversations"), world.watch.rows("conversations", "participants")
    for key, room in whole.rooms.items():
        expected = None if room is None else (room.n, room.members, room.shown, room.pins, room.since)
        found = {"the row": None if key not in rows else _room(conversation_rows.state_of(rows[key]))}
        found |= {name: _room(views.get(key)) for name, views in world.viewed.items()}
        yield from (f"law 3: {key} is {it} for {who}, not {expected}" for who, it in found.items() if it != expected)
        for user, (role, intervals) in room.members.items() if room else ():
            updated = people.get(f"{key}:{user}", {}).get("updated", {})
            if (updated.get("role"), updated.get("intervals")) != (role, intervals):
                yield f"law 3: {user} in {key} is {updated}, not {role} {intervals}"


def _room(state: Conversation | None) -> tuple[Any, ...] | None:
    if state is None:
        return None
    members = {
        user: (
            member.role,
            [
                [at.from_seq, at.until_seq, at.ended_n, at.reads_from, at.left]
                if at.reads_from or at.left
                else [at.from_seq, at.until_seq, *([at.ended_n] * bool(at.ended_n))]
                for at in member.intervals
            ],
        )
        for user, member in state.members.items()
    }
    shown = {"title": state.title, "avatar": state.avatar, "metadata": json.loads(state.metadata or "null")}
    shows = {name: value for name, value in shown.items() if value is not None}
    return state.n, members, shows, list(state.pins), state.history_from
