"""The audit record of an event says who did what to what, and has no content."""

from typing import get_args

import msgspec
import pytest
from msgspec import structs

from core.audit.actor_context import text_of
from core.audit.derived import audited, is_audited, outcome_of
from core.commands.causing_command import CommandEvent
from schemas.envelope import Envelope
from schemas.events import (
    TYPE_OF,
    AuditRecorded,
    Event,
    MessageDeleted,
    MessageDelivered,
    MessageRejected,
    ParticipantsAdded,
    ParticipantsRemoved,
    RolesChanged,
    UserActed,
)
from schemas.wire.errors import ERRORS
from tests.given import AT, CORRELATION, ROOM, TENANT
from tests.schemas.samples import MESSAGE, SAMPLES


def envelope_of(event_type: str, actor: str = "bob", context: str = "") -> Envelope:
    return Envelope(
        id="e1",
        type=event_type,
        source="/caas/edge/node-1",
        time=AT,
        subject=ROOM,
        tenant=TENANT,
        correlation_id=CORRELATION,
        actor=actor,
        actor_context=context,
    )


def record(event: Event, context: str = "") -> AuditRecorded:
    found = audited(envelope_of(TYPE_OF[type(event)], context=context), event)
    assert found is not None
    return found


COMMANDED = [event for event in SAMPLES if isinstance(event, CommandEvent)]


@pytest.mark.parametrize("event", COMMANDED, ids=lambda event: type(event).__name__)
def test_accepted_command_has_a_record_without_content(event: Event) -> None:
    found = record(event)
    message_id = getattr(event, "message_id", None)
    about = ("conversation", ROOM) if message_id is None else ("message", MESSAGE)
    assert (found.actor, found.outcome, found.reason, found.conversation_id) == ("bob", "success", None, ROOM)
    assert (found.tenant, found.at, found.entity_type, found.entity_id) == (TENANT, AT, *about)
    text = msgspec.json.encode(found).decode()
    for content in ("hello", "👍", "Lunch", "title", "metadata"):
        assert content not in text


def test_record_names_the_users_that_it_was_done_to() -> None:
    common = {"tenant": TENANT, "at": AT, "conversation_id": ROOM, "actor": "bob"}
    events = (
        ParticipantsAdded(**common, participants={"ann": "member", "bob": "member"}, at_seq=0),
        ParticipantsRemoved(**common, participants=["cem"], at_seq=0),
        RolesChanged(**common, roles={"dee": "admin"}),
    )
    assert [record(event).subjects for event in events] == [["ann"], ["cem"], ["dee"]]
    assert record(SAMPLES[0]).subjects is None


def test_record_of_a_change_has_hashes_and_what_it_concerns() -> None:
    found = {type(event).__name__: record(event) for event in SAMPLES if isinstance(event, CommandEvent)}
    edit, removal = found["MessageEdited"], found["MessageDeleted"]
    assert (edit.classification, edit.before, len(edit.after or "")) == ("content", None, 64)
    assert (removal.classification, removal.before, removal.after) == ("content", None, None)
    assert (found["CursorMoved"].classification, found["RolesChanged"].classification) == (
        "personal_data",
        "administration",
    )
    known = record(structs.replace(next(one for one in SAMPLES if isinstance(one, MessageDeleted)), before="00ff"))
    assert known.before == "00ff"


def test_rejected_command_has_its_code() -> None:
    about = {"tenant": TENANT, "at": AT, "user_id": "eve", "command": "message:edit"}
    found = record(MessageRejected(**about, code="not_the_author", conversation_id=ROOM, message_id=MESSAGE))
    assert (found.action, found.entity_type, found.entity_id) == ("message:edit", "message", MESSAGE)
    assert (found.outcome, found.reason) == ("denied", "not_the_author")
    found = record(MessageRejected(**about, code="edit_limit", conversation_id=ROOM))
    assert (found.outcome, found.reason, found.entity_type) == ("failure", "edit_limit", "conversation")
    assert record(MessageRejected(**about, code="unheard_of")).entity_type == "event"


def test_denied_is_what_an_actor_may_not_do() -> None:
    denied = {code for code in ERRORS if outcome_of(code) == "denied"}
    assert denied == {
        "unauthorized",
        "token_expired",
        "not_a_participant",
        "not_allowed",
        "not_the_author",
        "forbidden_origin",
    }
    assert outcome_of("unheard_of") == "failure"


def test_record_has_the_context_of_the_actor() -> None:
    found = record(SAMPLES[0], text_of("s1", "192.0.2.7", "Mozilla/5.0"))
    assert (found.session, found.address, found.agent) == ("s1", "192.0.2.7", "Mozilla/5.0")
    assert record(SAMPLES[0], "no JSON").session is None


def test_unreadable_event_has_a_record_of_its_own_id() -> None:
    found = audited(envelope_of("caas.message.edited.v7"), None)
    assert found is not None
    assert (found.action, found.entity_type, found.entity_id) == ("caas.message.edited.v7", "event", "e1")
    assert (found.outcome, found.reason) == ("success", "unreadable")


def test_other_events_have_none() -> None:
    others = {UserActed, AuditRecorded, MessageDelivered}
    for event in SAMPLES:
        assert (audited(envelope_of(TYPE_OF[type(event)]), event) is None) == (type(event) in others)
    for kind in get_args(Event):
        assert is_audited(TYPE_OF[kind]) == (kind not in others)
        assert is_audited(TYPE_OF[kind].rpartition(".")[0] + ".v9") == (kind not in others)
