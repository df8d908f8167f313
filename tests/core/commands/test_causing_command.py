"""Each event that commands append names its command."""

from typing import get_args

import msgspec
import pytest

from core.commands.causing_command import CommandEvent, command_of
from schemas.commands import COMMANDS
from schemas.events import MessageSent, Origin, ParticipantsRemoved, Reacted
from tests.given import AT, ROOM
from tests.schemas.samples import SAMPLES

EVENTS = [event for event in SAMPLES if isinstance(event, CommandEvent)]
NAMES = [
    "message:send",
    "message:edit",
    "message:delete",
    "conversation:create",
    "conversation:update",
    "conversation:add-participants",
    "conversation:leave",
    "conversation:set-role",
    "message:pin",
    "message:unpin",
    "reaction:add",
    "message:read",
    "conversation:mute",
    "conversation:archive",
    "conversation:pin",
    "message:hide",
]


def test_every_event_of_a_command_names_it() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(CommandEvent))
    assert [command_of(event) for event in EVENTS] == NAMES
    assert set(NAMES) <= COMMANDS.keys()


@pytest.mark.parametrize(
    ("kind", "changed", "name"),
    [
        ("MessageSent", {"forwarded_from": [Origin(conversation_id=ROOM, message_id="m", sender="a", at=AT)]},
         "message:forward"),
        ("Reacted", {"on": False}, "reaction:remove"),
        ("ParticipantsAdded", {"reopened": True}, "conversation:create"),
        ("ParticipantsRemoved", {"actor": "ann"}, "conversation:remove-participants"),
        ("ConversationMuted", {"on": False}, "conversation:unmute"),
        ("ConversationArchived", {"on": False}, "conversation:unarchive"),
        ("ConversationPinned", {"on": False}, "conversation:unpin"),
    ],
)  # fmt: skip
def test_other_command_of_the_same_event(kind: str, changed: dict[str, object], name: str) -> None:
    event = next(event for event in EVENTS if type(event).__name__ == kind)
    assert command_of(msgspec.structs.replace(event, **changed)) == name


def test_samples_are_what_the_names_say() -> None:
    sent = next(event for event in EVENTS if isinstance(event, MessageSent))
    removed = next(event for event in EVENTS if isinstance(event, ParticipantsRemoved))
    reacted = next(event for event in EVENTS if isinstance(event, Reacted))
    assert not sent.forwarded_from and removed.participants == [removed.actor] and reacted.on
