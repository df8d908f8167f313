"""What a log says of a conversation, told plainly and on its own: people, roles, stays, what it shows and pins.

The other witness (tests.simulation.fold): it shares no code with projections/ or core/domain/.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

SHOWN = ("title", "avatar", "metadata")
PINS = 100
LEAVES = 5
RANKS = ("", "member", "admin", "owner")
Stay = list[int | None]


@dataclass
class Room:
    """One conversation. `members`: role, and stays `[from, None]`, or `[from, until, ended]` with the number of the
    change that ended it; then the message from which on who came later reads, and whether they left by themselves,
    where one of these is so. `shown`: title, avatar and metadata that it has. `since`: what those who come later read.
    """

    kind: str
    n: int
    members: dict[str, tuple[str, list[Stay]]]
    shown: dict[str, Any] = field(default_factory=dict)
    pins: list[str] = field(default_factory=list)
    since: int = 0

    def looks(self) -> dict[str, Any]:
        """What it shows, to those who come later as well."""
        return self.shown | ({"history": "all"} if self.since else {})

    def holds(self, user: str) -> bool:
        return user in self.members and self.members[user][1][-1][1] is None

    def roles(self) -> dict[str, str]:
        """The roles of those who are in it."""
        return {user: role for user, (role, _) in self.members.items() if self.holds(user)}

    def manages(self, user: str) -> bool:
        return self.kind == "group" and self.roles().get(user) in {"owner", "admin"}

    def owns(self, user: str) -> bool:
        return self.kind == "group" and self.roles().get(user) == "owner"

    def above(self, actor: str, user: str) -> bool:
        """Whether the actor is to decide about this user: themselves, or who stands lower."""
        roles = self.roles()
        higher = RANKS.index(roles.get(actor, "")) > RANKS.index(roles.get(user, ""))
        return actor == user or (self.manages(actor) and higher)

    def gives(self, actor: str, role: str) -> bool:
        return self.owns(actor) or (self.manages(actor) and role == "member")

    def lets_in(self, actor: str, user: str) -> bool:
        """Whether they may be let in again, if they left by themselves."""
        if self.holds(user) or user not in self.members:
            return True
        left = [_extra(stay)[1] for stay in self.members[user][1]]
        return sum(left) < LEAVES and (self.owns(actor) or not left[-1])

    def back(self, actor: str) -> set[str]:
        """Who comes back where the actor opens it."""
        gone = {user for user in self.members if not self.holds(user)}
        if actor not in self.members or self.kind == "direct":
            return gone if actor in self.members else set()
        return {actor} if len(gone) == len(self.members) and _extra(self.members[actor][1][-1])[1] else set()

    def alone_owns(self, user: str) -> bool:
        """Whether this one owns it, and nobody else."""
        return self.owns(user) and list(self.roles().values()).count("owner") == 1

    def owners_kept(self, what: str, body: Mapping[str, Any]) -> bool:
        """Whether an event that shows people out or gives them a role would leave one of them as its last owner."""
        found = after(self, what, body, 0)
        if found is None:
            return False
        named = body.get("roles") or dict.fromkeys(body["participants"], "")
        return any(found.alone_owns(user) and role != "owner" for user, role in named.items())


def after(room: Room | None, what: str, body: Mapping[str, Any] | None, n: int) -> Room | None:
    """The room after the n-th record about it, of this type; the one before is left as it was."""
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
        case "changed" if room.manages(actor):
            found.shown = _said(found.shown | {name: body[name] for name in SHOWN if name in body})
            if room.owns(actor) and body.get("history") not in {None, "all" if room.since else "joined"}:
                found.since = first_read(room.members[actor][1][-1]) if body["history"] == "all" else 0
        case "participants-added" if body.get("reopened"):
            _reopen(found, room.back(actor).intersection(body["participants"]), body["at_seq"])
        case "participants-added":
            people = {user: role for user, role in body["participants"].items() if room.gives(actor, role)}
            people = {user: role for user, role in people.items() if room.lets_in(actor, user)}
            _come(found, people, body["at_seq"], found.since)
        case "participants-removed":
            _go(found, (user for user in body["participants"] if room.above(actor, user)), body["at_seq"], actor)
        case "roles-changed" if room.owns(actor):
            _take_roles(found, {user: role for user, role in body["roles"].items() if room.above(actor, user)})
        case "message-pinned" | "message-unpinned" if room.holds(actor):
            _pin(found, body["message_id"], body.get("freed", ()), on=what == "message-pinned")


def _said(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if value}


def _come(found: Room, people: Mapping[str, str], at_seq: int, since: int) -> None:
    """People come in, and read from there on what was said before, if anything."""
    for user, role in people.items():
        if not found.holds(user):
            stays = found.members[user][1] if user in found.members else []
            begin = max(at_seq, stays[-1][1] or 0 if stays else 0) + 1
            found.members[user] = (role, [*stays, [begin, None, *([0, since, 0] if 0 < since < begin else [])]])


def _reopen(found: Room, people: Iterable[str], at_seq: int) -> None:
    """Those who were in it are again; whoever opens a group owns it, and shows nothing from before."""
    for user in people:
        _come(found, {user: "owner" if found.kind == "group" else "member"}, at_seq, 0)
        found.since = max(found.since, found.members[user][1][-1][0] or 0) if found.since else 0


def _go(found: Room, users: Iterable[str], at_seq: int, actor: str) -> None:
    for user in users:
        if found.holds(user) and not (found.alone_owns(user) and len(found.roles()) > 1):
            stay = found.members[user][1][-1]
            extra = [_extra(stay)[0], int(user == actor)]
            stay[1:] = [max(at_seq, (stay[0] or 0) - 1), found.n, *(extra if any(extra) else [])]


def _extra(stay: Stay) -> tuple[int, int]:
    """From where on somebody reads what was said before their stay, and whether they left by themselves."""
    return (stay[3] or 0, stay[4] or 0) if len(stay) > 3 else (0, 0)


def first_read(stay: Stay) -> int:
    """The first message of a stay that is theirs to read."""
    return _extra(stay)[0] or stay[0] or 0


def _take_roles(found: Room, roles: Mapping[str, str]) -> None:
    for user, role in roles.items():
        if found.holds(user) and not (role != "owner" and found.alone_owns(user)):
            found.members[user] = (role, found.members[user][1])


def _pin(found: Room, message: str, freed: Iterable[str], *, on: bool) -> None:
    """One pin goes, or one comes where there is room for it once others, of deleted messages, have gone."""
    if not on:
        found.pins = [pin for pin in found.pins if pin != message]
        return
    left = [pin for pin in found.pins if pin not in freed]
    if message not in left and len(left) < PINS:
        found.pins = [*left, message]


def seen(changes: Iterable[Mapping[str, Any]]) -> tuple[dict[str, str], dict[str, Any], list[str]]:
    """What a client makes of all changes it was told, in their order: roles, what is shown, pins."""
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
