"""Ids of events are stored: they stay as they are, and an event that changed nothing does not block a later one."""

from typing import Any, get_args

import pytest
from msgspec import structs

from core.commands.command_ids import AppendingCommand, event_id_of, hash_of, return_id_of
from core.domain.conversation import Conversation, evolve
from core.domain.conversation_decisions import reopen
from core.domain.decision import Context
from schemas.commands import COMMANDS, NAME_OF
from schemas.commands.message import Attached
from schemas.events import ConversationEvent
from tests.core.domain.test_conversation import created, fold, removed
from tests.given import ROOM, by

OTHER_ROOM = "6f1d1f8a-0000-5000-8000-000000000002"
SAID = "fa5d30c8-58d6-5a56-a3c0-3d063e553272"
FIRST: dict[str, Any] = {
    "conversation_id": ROOM,
    "message_id": SAID,
    "client_key": "k",
    "client_msg_id": "k",
    "from_conversation_id": OTHER_ROOM,
    "emoji": "👍",
    "external_id": "order",
    "participants": ["cy"],
    "role": "admin",
    "seq": 3,
}
"""Fields of every command below; those that are not here have their defaults."""
SECOND: dict[str, Any] = {
    "conversation_id": OTHER_ROOM,
    "message_id": OTHER_ROOM,
    "client_key": "l",
    "client_msg_id": "l",
    "from_conversation_id": ROOM,
    "emoji": "🎉",
    "external_id": "other",
    "participants": ["bo"],
    "role": "owner",
    "seq": 4,
    "text": "ho",
    "ciphertext": "sealed",
    "reply_to": SAID,
    "attachments": [Attached(media_id=OTHER_ROOM)],
    "mentions": ["bo"],
    "metadata": {"a": 1},
    "wait_for": "read",
    "kind": "direct",
    "title": "Others",
    "history": "all",
    "avatar": OTHER_ROOM,
    "private": True,
    "thread": SAID,
    "until": "2999-01-01T00:00:00.000Z",
    "keep_archived": True,
}
"""Another value of every field."""
IDS: dict[str, tuple[str, str, str]] = {
    "message:send": (
        "bffd747a-9568-577d-9eb7-166dc3578afe",
        "conversation_id client_msg_id",
        "text ciphertext reply_to attachments metadata",
    ),
    "message:forward": ("bffd747a-9568-577d-9eb7-166dc3578afe", "conversation_id client_msg_id", "message_id"),
    "message:edit": ("7e1288a3-c038-5be3-b348-3cfc48939ac9", "message_id client_key", "text ciphertext"),
    "message:delete": ("62ee7c5e-6720-5f9e-b83d-978f9cafdc61", "message_id", ""),
    "reaction:add": ("23e4b353-d927-566c-9169-c9d53b417f6d", "message_id client_key", "emoji"),
    "reaction:remove": ("93d98386-4629-55ab-a54d-a3be79cd0728", "message_id client_key", "emoji"),
    "conversation:create": ("cc1b67be-b283-56f9-9bb0-fd6b0f4e66f0", "kind external_id", ""),
    "conversation:update": (
        "42bbd3fa-4f34-56b7-ab4d-155e924cea57",
        "conversation_id client_key",
        "title avatar metadata history",
    ),
    "conversation:add-participants": (
        "fa768367-f431-559b-b5d5-1acb40f9a855",
        "conversation_id client_key",
        "participants role",
    ),
    "conversation:remove-participants": (
        "7c4c3fb0-0650-56ed-b5e5-349f8e92ebd8",
        "conversation_id client_key",
        "participants",
    ),
    "conversation:set-role": (
        "4e2d359c-8343-5f73-9f6a-771d75e9899d",
        "conversation_id client_key",
        "participants role",
    ),
    "conversation:leave": ("cd34103f-ad1a-51d2-b079-87e7a217b5fa", "conversation_id client_key", ""),
    "message:pin": ("23a7f3b4-d1b6-5fe8-b82d-d0dbbf65cc09", "conversation_id client_key", "message_id"),
    "message:unpin": ("a3c57d47-8493-5924-a87f-1c35dc5e5f80", "conversation_id client_key", "message_id"),
    "message:read": ("f2f834f8-3034-5748-b71b-0d8fc94b1221", "conversation_id seq private thread", ""),
    "message:hide": ("4b17053d-7808-5abf-8891-294b73d2356a", "message_id", ""),
    "conversation:mute": ("c0ebde23-2fd0-58ed-85df-186dfebfc009", "conversation_id client_key", "until"),
    "conversation:unmute": ("2ab498ee-2cbb-5e6d-862b-2826b789ae44", "conversation_id client_key", ""),
    "conversation:archive": ("8241c8ab-4564-542f-8d0c-845868aa697b", "conversation_id client_key", "keep_archived"),
    "conversation:unarchive": ("1daa7d4b-cf15-5c6f-afb9-0e0389d12519", "conversation_id client_key", ""),
    "conversation:pin": ("3c471807-9ea9-5355-a4e9-b041a4a01c02", "conversation_id client_key", ""),
    "conversation:unpin": ("f2df7693-c956-54c1-b4ae-c4d7d80be3cb", "conversation_id client_key", ""),
}
"""By command: the id of its event, the fields that the id names, and the others that a retry must repeat."""


def sample(name: str) -> Any:
    fields = COMMANDS[name].__struct_fields__
    return COMMANDS[name](**{field: FIRST[field] for field in fields if field in FIRST})


@pytest.mark.parametrize("name", IDS)
def test_event_id_and_what_a_retry_repeats_stay_as_they_are(name: str) -> None:
    command, context = sample(name), by("ann")
    event_id, content = event_id_of(command, context), hash_of(command, context)
    others = {field: structs.replace(command, **{field: SECOND[field]}) for field in command.__struct_fields__}
    named = [field for field, other in others.items() if event_id_of(other, context) != event_id]
    repeated = [field for field, other in others.items() if field not in named and hash_of(other, context) != content]
    assert (event_id, " ".join(named), " ".join(repeated)) == IDS[name]


@pytest.mark.parametrize("name", [name for name in IDS if "client_key" in IDS[name][1]])
def test_command_without_client_key_is_named_by_its_correlation_id(name: str) -> None:
    context = by("ann")
    unnamed = structs.replace(sample(name), client_key=None)
    named = structs.replace(unnamed, client_key=context.correlation_id)
    assert event_id_of(unnamed, context) == event_id_of(named, context)


def test_ids_of_every_command_are_here() -> None:
    assert IDS.keys() == {NAME_OF[command] for command in get_args(AppendingCommand)}


def _opens(user: str, group: Conversation | None) -> tuple[ConversationEvent, str]:
    assert group is not None
    context = Context("acme", user, "2026-11-20T09:30:00.000Z", "c")
    (event,) = reopen(group, context, 5)
    return event, return_id_of(group, context)


def test_ineffective_reopening_does_not_block_a_later_one() -> None:
    leaves = [removed(user, actor=user) for user in ("bob", "ann")]
    empty = fold(created(participants={"ann": "owner", "bob": "member"}), *leaves)
    first, _ = _opens("bob", empty)
    late, late_id = _opens("ann", empty)
    taken = evolve(evolve(empty, first), late)
    assert taken is not None and (taken.is_member("bob"), taken.is_member("ann")) == (True, False)
    _, again_id = _opens("ann", evolve(taken, removed("bob", actor="bob")))
    assert again_id != late_id
    assert _opens("ann", empty) == (late, late_id)
