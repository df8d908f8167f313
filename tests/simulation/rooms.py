"""An independent, plain fold of a conversation: members, roles, intervals, settings and pins.

Part of the oracle (tests.simulation.fold): it shares no code with projections/ or core/domain/.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

SHOWN = ("title", "avatar", "metadata")
MAX_PINS = 100
MAX_LEAVES = 5
RANKS = ("", "member", "admin", "owner")
Interval = list[int | None]


@dataclass
class Room:
    """One conversation. `members`: role, and intervals `[from, None]`, or `[from, until, ended]` with the number of the
    change that ended it; then the first earlier message that the member reads, and whether they left by themselves, if
    one of these is set. `shown`: its title, avatar and metadata. `since`: the first message that new members read.
    """

    kind: str
    n: int
    members: dict[str, tuple[str, list[Interval]]]
    shown: dict[str, Any] = field(default_factory=dict)
    pins: list[str] = field(default_factory=list)
    since: int = 0

    def looks(self) -> dict[str, Any]:
        """Return its settings as clients see them."""
        return self.shown | ({"history": "all"} if self.since else {})

    def is_member(self, user: str) -> bool:
        return user in self.members and self.members[user][1][-1][1] is None

    def roles(self) -> dict[str, str]:
        """Return the roles of the present members."""
        return {user: role for user, (role, _) in self.members.items() if self.is_member(user)}

    def can_manage(self, user: str) -> bool:
        return self.kind == "group" and self.roles().get(user) in {"owner", "admin"}

    def owns(self, user: str) -> bool:
        return self.kind == "group" and self.roles().get(user) == "owner"

    def above(self, actor: str, user: str) -> bool:
        """Return whether the actor may act on this user: themselves, or one of lower rank."""
        roles = self.roles()
        higher = RANKS.index(roles.get(actor, "")) > RANKS.index(roles.get(user, ""))
        return actor == user or (self.can_manage(actor) and higher)

    def can_assign(self, actor: str, role: str) -> bool:
        return self.owns(actor) or (self.can_manage(actor) and role == "member")

    def can_add(self, actor: str, user: str) -> bool:
        """Return whether they may be added again, if they left by themselves."""
        if self.is_member(user) or user not in self.members:
            return True
        left = [_extra(interval)[1] for interval in self.members[user][1]]
        return sum(left) < MAX_LEAVES and (self.owns(actor) or not left[-1])

    def back(self, actor: str) -> set[str]:
        """Return who comes back if the actor reopens it."""
        gone = {user for user in self.members if not self.is_member(user)}
        if actor not in self.members or self.kind == "direct":
            return gone if actor in self.members else set()
        return {actor} if len(gone) == len(self.members) and _extra(self.members[actor][1][-1])[1] else set()

    def alone_owns(self, user: str) -> bool:
        """Return whether this user is the only owner."""
        return self.owns(user) and list(self.roles().values()).count("owner") == 1

    def owners_kept(self, what: str, body: Mapping[str, Any]) -> bool:
        """Return whether an event that removes users or sets roles would leave one of them as the last owner."""
        found = after(self, what, body, 0)
        if found is None:
            return False
        named = body.get("roles") or dict.fromkeys(body["participants"], "")
        return any(found.alone_owns(user) and role != "owner" for user, role in named.items())


def after(room: Room | None, what: str, body: Mapping[str, Any] | None, n: int) -> Room | None:
    """Return the room after the n-th event about it, of this type; `room` is not changed."""
    if room is None:
        if what != "caas.conversation.created" or body is None:
            return None
        members = {user: (role, [[1, None]]) for user, role in body["participants"].items()}
        return Room(body["kind"], n, members, _said({"title": body.get("title")}), [], body.get("history") == "all")
    found = copy.deepcopy(room)
    found.n = n
    if body is not None:
        _change(found, room, what.removeprefix("caas.conversation."), body)
    return found


def _change(found: Room, room: Room, what: str, body: Mapping[str, Any]) -> None:
    actor = body["actor"]
    match what:
        case "changed" if room.can_manage(actor):
            found.shown = _said(found.shown | {name: body[name] for name in SHOWN if name in body})
            if room.owns(actor) and body.get("history") not in {None, "all" if room.since else "joined"}:
                found.since = first_read(room.members[actor][1][-1]) if body["history"] == "all" else 0
        case "participants-added" if body.get("reopened"):
            _reopen(found, room.back(actor).intersection(body["participants"]), body["at_seq"])
        case "participants-added":
            people = {user: role for user, role in body["participants"].items() if room.can_assign(actor, role)}
            people = {user: role for user, role in people.items() if room.can_add(actor, user)}
            _come(found, people, body["at_seq"], found.since)
        case "participants-removed":
            _go(found, (user for user in body["participants"] if room.above(actor, user)), body["at_seq"], actor)
        case "roles-changed" if room.owns(actor):
            _take_roles(found, {user: role for user, role in body["roles"].items() if room.above(actor, user)})
        case "message-pinned" | "message-unpinned" if room.is_member(actor):
            _pin(found, body["message_id"], body.get("freed", ()), on=what == "message-pinned")


def _said(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if value}


def _come(found: Room, people: Mapping[str, str], at_seq: int, since: int) -> None:
    """Add members, who read earlier messages from `since` on, if it is set."""
    for user, role in people.items():
        if not found.is_member(user):
            intervals = found.members[user][1] if user in found.members else []
            begin = max(at_seq, intervals[-1][1] or 0 if intervals else 0) + 1
            found.members[user] = (role, [*intervals, [begin, None, *([0, since, 0] if 0 < since < begin else [])]])


def _reopen(found: Room, people: Iterable[str], at_seq: int) -> None:
    """Bring back former members; who reopens a group owns it, and shows no earlier messages."""
    for user in people:
        _come(found, {user: "owner" if found.kind == "group" else "member"}, at_seq, 0)
        found.since = max(found.since, found.members[user][1][-1][0] or 0) if found.since else 0


def _go(found: Room, users: Iterable[str], at_seq: int, actor: str) -> None:
    for user in users:
        if found.is_member(user) and not (found.alone_owns(user) and len(found.roles()) > 1):
            interval = found.members[user][1][-1]
            extra = [_extra(interval)[0], int(user == actor)]
            interval[1:] = [max(at_seq, (interval[0] or 0) - 1), found.n, *(extra if any(extra) else [])]


def _extra(interval: Interval) -> tuple[int, int]:
    """Return the first message before the interval that is read, and whether the member left by themselves."""
    return (interval[3] or 0, interval[4] or 0) if len(interval) > 3 else (0, 0)


def first_read(interval: Interval) -> int:
    """Return the first message of an interval that is read."""
    return _extra(interval)[0] or interval[0] or 0


def _take_roles(found: Room, roles: Mapping[str, str]) -> None:
    for user, role in roles.items():
        if found.is_member(user) and not (role != "owner" and found.alone_owns(user)):
            found.members[user] = (role, found.members[user][1])


def _pin(found: Room, message: str, freed: Iterable[str], *, on: bool) -> None:
    """Remove a pin, or add one if there is room once those of deleted messages are removed."""
    if not on:
        found.pins = [pin for pin in found.pins if pin != message]
        return
    left = [pin for pin in found.pins if pin not in freed]
    if message not in left and len(left) < MAX_PINS:
        found.pins = [*left, message]


def seen(changes: Iterable[Mapping[str, Any]]) -> tuple[dict[str, str], dict[str, Any], list[str]]:
    """Return a client's state after all received changes, in order: roles, settings, pins."""
    roles: dict[str, str] = {}
    shown: dict[str, Any] = {}
    pins: list[str] = []
    for change in changes:
        for user in change["participants"]:
            roles.pop(user, None)
            roles |= {user: change["roles"][user]} if user in change["roles"] else {}
        if change["change"] == "created" and change["participants"]:
            shown |= {"title": change["title"], "history": change["history"]}
        shown |= {name: change[name] for name in change["changed"]}
        pins = [pin for pin in pins if pin not in change["freed"]]
        if change["message_id"] is not None and change["change"] == "message-pinned":
            pins.append(change["message_id"])
        elif change["message_id"] is not None:
            pins.remove(change["message_id"])
    if shown.get("history") == "joined":
        del shown["history"]
    return roles, _said(shown), pins
