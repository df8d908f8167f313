"""What each user of a play sees at its end, from nothing but what came to them, against what the plan says they see.

A message is new once; what edits and deletions say of it afterwards takes its place; deleted, it stays deleted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from edge.sdk.python.caas_client.wire import Event
from edge.tools.playback.plan import Plan, Step
from edge.tools.playback.recording import Edit, Send

Name = tuple[str, str]
"""A message: its channel, and when it was sent."""

TELLS: Final = frozenset({"message:new", "message:edited", "message:deleted"})


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as somebody sees it; `root` is when what it answers was sent."""

    sender: str
    text: str | None
    root: str | None
    edited: bool = False
    deleted: bool = False


@dataclass(slots=True)
class Expected:
    """What a plan comes to: every message at the end, and who is in which channel then and has ever left it."""

    messages: dict[Name, Shown] = field(default_factory=dict)
    audiences: dict[Name, frozenset[str]] = field(default_factory=dict)
    present: set[Name] = field(default_factory=set)
    left: set[Name] = field(default_factory=set)

    @classmethod
    def of(cls, plan: Plan) -> "Expected":
        """From the plan alone, in its order."""
        expected = cls()
        for step in plan.steps:
            expected._take(step, plan)
        return expected

    def _take(self, step: Step, plan: Plan) -> None:
        name, place = (step.channel, step.row.at), (step.user, step.channel)
        target = None if step.target is None else plan.steps[step.target]
        match step.act:
            case "add":
                self.present.add(place)
            case "leave":
                self.present.discard(place)
                self.left.add(place)
            case "send" if isinstance(step.row, Send):
                root = None if target is None else target.row.at
                self.messages[name] = Shown(step.user, step.row.text, root)
                self.audiences[name] = step.audience
            case "edit" | "delete" if target is not None:
                self._change(step, (step.channel, target.row.at))

    def _change(self, step: Step, name: Name) -> None:
        """Only the author changes a message, and none that was deleted."""
        before = self.messages[name]
        if before.sender != step.user or before.deleted:
            return
        if isinstance(step.row, Edit):
            edited = before.edited or step.row.text != before.text
            self.messages[name] = replace(before, text=step.row.text, edited=edited)
        else:
            self.messages[name] = replace(before, text=None, deleted=True)


class Views:
    """One view for each user of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._expected = Expected.of(plan)
        self._seen: dict[str, dict[Name, dict[str, Any]]] = {user: {} for user in plan.users}
        self._channels: dict[str, str] = {}
        self._ats: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def conversation(self, conversation_id: str, channel: str) -> None:
        """This conversation is that channel."""
        self._channels[conversation_id] = channel

    def hears(self, user: str, event: Event) -> None:
        """A user is told something."""
        view = self._seen.get(user)
        if event.type not in TELLS or view is None:
            return
        told = event.data
        name = (self._channels.get(told["conversation_id"], ""), told["client_msg_id"])
        self._ats[told["message_id"]] = told["client_msg_id"]
        had = view.get(name)
        if had is None or (event.type != "message:new" and not had["deleted"]):
            view[name] = told

    def leavers(self) -> frozenset[Name]:
        """Who has ever left which conversation, by its id."""
        ids = {channel: key for key, channel in self._channels.items()}
        return frozenset((user, ids.get(channel, channel)) for user, channel in self._expected.left)

    def differences(self) -> Iterator[tuple[str, str]]:
        """Who sees something else than they should, and what it is, in words."""
        for user, view in self._seen.items():
            for name, message in self._expected.messages.items():
                if user in self._expected.audiences[name] and (why := self._differs(user, name, message)):
                    yield user, why
            for name in view.keys() - self._expected.messages.keys():
                yield user, f"{name} was never sent"
            for name in view.keys() & self._expected.messages.keys():
                alien = user not in self._expected.audiences[name]
                if alien and (user, name[0]) not in self._expected.left:
                    yield user, f"{name} is not for them"

    def _differs(self, user: str, name: Name, message: Shown) -> str:
        """What is wrong with a message that they must see. What became of it after they left is not theirs to know."""
        told = self._seen[user].get(name)
        if told is None:
            return f"{name} is missing"
        shown = self._shown(told)
        if (user, name[0]) in self._expected.present:
            return "" if shown == message else f"{name} is {shown}, must be {message}"
        same = (shown.sender, shown.root) == (message.sender, message.root)
        return "" if same else f"{name} is {shown}, was {message}"

    def _shown(self, told: dict[str, Any]) -> Shown:
        answers = told["reply_to"]
        root = None if answers is None else self._ats.get(answers, answers)
        return Shown(told["sender"], told["text"], root, told["edited"], told["deleted"])
