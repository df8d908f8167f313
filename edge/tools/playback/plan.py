"""Plan derives from a recording the commands to send, the steps each waits for, and the recipients of every message.

- A user's commands are sent in the order of the file, each after the answer to the one before.
- In each channel a join, a leave and an implicit add is a barrier: it is sent once all earlier commands of the channel
  are answered and their messages persisted, and later commands wait for its answer.
- A reply, an edit and a deletion wait until the message they name is persisted; edits and deletions of one message
  are sent one after another, and the next after a deletion waits until the deletion is persisted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, assert_never

from edge.tools.playback.recording import PLAY, AnyRow, Delete, Edit, Join, Leave, Send

Level = Literal["answered", "persisted"]
After = tuple[int, Level]
"""The number of a step, and the level it must have reached."""

Act = Literal["create", "add", "leave", "send", "edit", "delete"]
Before = tuple[After | None, ...]
NO_ONE: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Step:
    """One command: `actor` sends it for `user`; `line` is that of `row`, 0 where the row only implies the command.

    `target` is the step that sent the message which an edit, a deletion or a reply names, None where the recording
    never sent it. `audience` of a send are the users who must receive it, its sender too, without the player.
    """

    number: int
    act: Act
    line: int
    actor: str
    user: str
    channel: str
    row: AnyRow
    after: tuple[After, ...]
    target: int | None = None
    audience: frozenset[str] = NO_ONE


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in an order in which each follows the steps it waits for; rows without a step are counted."""

    rows: int
    steps: Sequence[Step]
    users: Sequence[str]
    skipped_leaves: int
    rootless_replies: int


@dataclass(slots=True)
class _Channel:
    """The state of a channel during planning; `open` are the steps since the last barrier."""

    barrier: int
    members: frozenset[str] = NO_ONE
    open: list[After] = field(default_factory=list)


def plan(rows: Iterable[AnyRow]) -> Plan:
    """Return the plan of a recording."""
    planning = _Planning()
    count = 0
    for count, row in enumerate(rows, 1):
        planning.take(count, row)
    return Plan(count, planning.steps, list(planning.last), planning.skipped, planning.rootless)


class _Planning:
    """The state of the planner."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.last: dict[str, After | None] = {}
        self.skipped = 0
        self.rootless = 0
        self._channels: dict[str, _Channel] = {}
        self._sent: dict[tuple[str, str], int] = {}
        self._changes: dict[tuple[str, str], After] = {}

    def take(self, line: int, row: AnyRow) -> None:
        """Add the steps of this row."""
        self.last.setdefault(row.user, None)
        channel = self._channel(row)
        match row:
            case Join():
                self._enter(line, row, channel)
            case Leave() if row.user not in channel.members:
                self.skipped += 1
            case Leave():
                self._barrier("leave", line, row.user, row, channel)
                channel.members -= {row.user}
            case Send() | Edit() | Delete():
                if row.user not in channel.members:
                    self._enter(0, row, channel)
                self._say(line, row, channel)
            case _:
                assert_never(row)

    def _channel(self, row: AnyRow) -> _Channel:
        if row.channel not in self._channels:
            self._channels[row.channel] = _Channel(self._add("create", 0, PLAY, row))
        return self._channels[row.channel]

    def _enter(self, line: int, row: AnyRow, channel: _Channel) -> None:
        self._barrier("add", line, PLAY, row, channel)
        channel.members |= {row.user}

    def _barrier(self, act: Act, line: int, actor: str, row: AnyRow, channel: _Channel) -> None:
        before = (self.last[row.user], (channel.barrier, "answered"), *channel.open)
        channel.barrier = self._add(act, line, actor, row, *before)
        channel.open = []
        self.last[row.user] = (channel.barrier, "answered")

    def _say(self, line: int, row: Send | Edit | Delete, channel: _Channel) -> None:
        before: Before = (self.last[row.user], (channel.barrier, "answered"))
        if isinstance(row, Send):
            number = self._send(line, row, channel, before)
            channel.open.append((number, "persisted"))
        else:
            number = self._change(line, row, before)
            channel.open.append((number, "answered"))
        self.last[row.user] = (number, "answered")

    def _send(self, line: int, row: Send, channel: _Channel, before: Before) -> int:
        root = None if row.thread is None else self._sent.get((row.channel, row.thread))
        self.rootless += row.thread is not None and root is None
        after: After | None = None if root is None else (root, "persisted")
        number = self._add("send", line, row.user, row, *before, after, target=root, audience=channel.members)
        self._sent[row.channel, row.at] = number
        return number

    def _change(self, line: int, row: Edit | Delete, before: Before) -> int:
        name = (row.channel, row.target)
        target = self._sent.get(name)
        after: After | None = None if target is None else (target, "persisted")
        act: Act = "edit" if isinstance(row, Edit) else "delete"
        number = self._add(act, line, row.user, row, *before, after, self._changes.get(name), target=target)
        self._changes[name] = (number, "answered" if act == "edit" else "persisted")
        return number

    def _add(self, act: Act, line: int, actor: str, row: AnyRow, *named: After | None, **more: Any) -> int:
        """Add a step for `row` that waits for all `named` levels; return its number."""
        after = tuple(dict.fromkeys(one for one in named if one is not None))
        user = PLAY if act == "create" else row.user
        number = len(self.steps)
        self.steps.append(Step(number, act, line, actor, user, row.channel, row, after, **more))
        return number
