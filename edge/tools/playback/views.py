"""Views compares what each user of a play sees at its end, from received events alone, with what the plan expects.

A message is new once; later edits and deletions replace it; a deleted message stays deleted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from edge.sdk.python.caas_client.wire import Event
from edge.tools.playback.plan import Plan, Step
from edge.tools.playback.recording import Edit, Send

Name = tuple[str, str]
"""A message: its channel and its `at`."""

MESSAGE_EVENTS: Final = frozenset({"message:new", "message:edited", "message:deleted"})


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as a user sees it; `root` is the `at` of the message it answers."""

    sender: str
    text: str | None
    root: str | None
    edited: bool = False
    deleted: bool = False


@dataclass(slots=True)
class Expected:
    """The result of a plan: every message at the end, the members of each channel, and all users who ever left it."""

    messages: dict[Name, Shown] = field(default_factory=dict)
    audiences: dict[Name, frozenset[str]] = field(default_factory=dict)
    present: set[Name] = field(default_factory=set)
    left: set[Name] = field(default_factory=set)

    @classmethod
    def of(cls, plan: Plan) -> "Expected":
        """Fold the plan's steps in their order."""
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
        """Apply an edit or deletion by the author, unless the message is deleted."""
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
        """Map a conversation to its channel."""
        self._channels[conversation_id] = channel

    def record(self, user: str, event: Event) -> None:
        """Record an event that a user received."""
        view = self._seen.get(user)
        if event.type not in MESSAGE_EVENTS or view is None:
            return
        message_data = event.data
        name = (self._channels.get(message_data["conversation_id"], ""), message_data["client_msg_id"])
        self._ats[message_data["message_id"]] = message_data["client_msg_id"]
        had = view.get(name)
        if had is None or (event.type != "message:new" and not had["deleted"]):
            view[name] = message_data

    def leavers(self) -> frozenset[Name]:
        """Return `(user, conversation id)` for every user who ever left a conversation."""
        ids = {channel: key for key, channel in self._channels.items()}
        return frozenset((user, ids.get(channel, channel)) for user, channel in self._expected.left)

    def differences(self) -> Iterator[tuple[str, str]]:
        """Yield each user whose view is wrong, and the difference in words."""
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
        """Describe what is wrong with a message that a user must see, "" if nothing. Changes after they left are not
        compared.
        """
        message_data = self._seen[user].get(name)
        if message_data is None:
            return f"{name} is missing"
        shown = self._shown(message_data)
        if (user, name[0]) in self._expected.present:
            return "" if shown == message else f"{name} is {shown}, must be {message}"
        same = (shown.sender, shown.root) == (message.sender, message.root)
        return "" if same else f"{name} is {shown}, was {message}"

    def _shown(self, message_data: dict[str, Any]) -> Shown:
        answers = message_data["reply_to"]
        root = None if answers is None else self._ats.get(answers, answers)
        return Shown(
            message_data["sender"], message_data["text"], root, message_data["edited"], message_data["deleted"]
        )
