"""A command that is repeated and changes nothing has one audit record together with its event."""

import dataclasses

import pytest

from core.audit.derived import KIND
from core.commands.command_ids import AppendingCommand, event_id_of
from core.commands.outcome_records import unchanged_record
from core.domain.decision import Context
from schemas import envelope, ids
from schemas.commands.conversation import CreateConversation
from schemas.commands.inbox import MuteConversation
from schemas.commands.message import AddReaction, DeleteMessage, SendMessage
from schemas.events import AuditRecorded
from tests.given import ROOM, by

SAID = "fa5d30c8-58d6-5a56-a3c0-3d063e553272"
COMMANDS: list[AppendingCommand] = [
    SendMessage(conversation_id=ROOM, client_msg_id="k", text="hi"),
    DeleteMessage(conversation_id=ROOM, message_id=SAID),
    AddReaction(conversation_id=ROOM, message_id=SAID, emoji="👍", client_key="k"),
    MuteConversation(conversation_id=ROOM, client_key="k"),
    CreateConversation(external_id="order"),
]
FIRST, SECOND = (f"6f1d1f8a-0000-4000-8000-00000000000{n}" for n in (1, 2))


def recorded(command: AppendingCommand, context: Context, *, retry: bool) -> tuple[str, AuditRecorded]:
    """Return the id and the event of the record."""
    record = unchanged_record("/test", command, context, retry=retry)
    found = envelope.read(record.topic, record.key, record.value, record.headers)
    assert isinstance(found, envelope.Known)
    assert isinstance(found.event, AuditRecorded)
    return found.envelope.id, found.event


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_repeated_command_shares_the_record_of_its_event(command: AppendingCommand) -> None:
    context = dataclasses.replace(by("ann"), correlation_id=FIRST)
    record_id, event = recorded(command, context, retry=True)
    assert record_id == ids.effect_id(event_id_of(command, context), KIND)
    assert (event.outcome, event.reason) == ("success", "repeated")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_unchanged_command_has_a_record_for_each_request(command: AppendingCommand) -> None:
    first, second = (dataclasses.replace(by("ann"), correlation_id=given) for given in (FIRST, SECOND))
    found = [recorded(command, context, retry=False) for context in (first, first, second)]
    assert found[0][0] == found[1][0] != found[2][0]
    assert found[0][0] != ids.effect_id(event_id_of(command, first), KIND)
    assert {event.reason for _, event in found} == {"unchanged"}
