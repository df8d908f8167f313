"""What a log says of a conversation, told plainly and on its own: people, roles, stays, what it shows and pins.

The other witness (tests.simulation.fold): it shares no code with projections/ or core/domain/.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

SHOWN = ("title", "avatar", "metadata")
PINS = 100


@dataclass
class Room:
    """One conversation. `members`: role, and stays `[from, None]`, or `[from, until, ended]` with the number of the
    change that ended it; `shown`: title, avatar and metadata that it has.
    """

    kind: str
    n: int
    members: dict[str, tuple[str, list[list[int | None]]]]
    shown: dict[str, Any] = field(default_factory=dict)
    pins: list[str] = field(default_factory=list)

    def holds(self, user: str) -> bool:
        return user in self.members and self.members[user][1][-1][1] is None

    def roles(self) -> dict[str, str]:
        """The roles of those who are in it."""
        return {user: role for user, (role, _) in self.members.items() if self.holds(user)}

    def manages(self, user: str) -> bool:
        return self.kind == "group" and self.roles().get(user) in {"owner", "admin"}

    def owns(self, user: str) -> bool:
        return self.kind == "group" and self.roles().get(user) == "owner"

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
        return Room(body["kind"], n, members, _said({"title": body.get("title")}))
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
        case "participants-added" if room.manages(actor):
            _come(found, body, owners=room.owns(actor))
        case "participants-removed":
            _go(found, (u for u in body["participants"] if u == actor or room.manages(actor)), body["at_seq"])
        case "roles-changed" if room.owns(actor):
            _take_roles(found, body["roles"])
        case "message-pinned" | "message-unpinned" if room.holds(actor):
            _pin(found, body["message_id"], body.get("freed", ()), on=what == "message-pinned")


def _said(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if value}


def _come(found: Room, body: Mapping[str, Any], *, owners: bool) -> None:
    """People come in, as owners only where an owner lets them in."""
    for user, role in body["participants"].items():
        if not found.holds(user) and (owners or role != "owner"):
            stays = found.members[user][1] if user in found.members else []
            last = stays[-1][1] or 0 if stays else 0
            found.members[user] = (role, [*stays, [max(body["at_seq"], last) + 1, None]])


def _go(found: Room, users: Iterable[str], at_seq: int) -> None:
    for user in users:
        if found.holds(user) and not (found.alone_owns(user) and len(found.roles()) > 1):
            stay = found.members[user][1][-1]
            stay[1:] = [max(at_seq, (stay[0] or 0) - 1), found.n]


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
            shown["title"] = change["title"]
        shown |= {name: change[name] for name in change["changed"]}
        pins = [pin for pin in pins if pin not in change["freed"]]
        if change["message_id"] is not None and change["change"] == "message-pinned":
            pins.append(change["message_id"])
        elif change["message_id"] is not None:
            pins.remove(change["message_id"])
    return roles, _said(shown), pins
