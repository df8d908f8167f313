"""A change has the hash of what was there and of what it puts there, so that who has either can show it."""

import subprocess
from hashlib import sha256

import pytest
from msgspec import structs

from core.audit.change_hashes import after_of, before_of, with_before
from core.domain import conversation, message
from core.domain.conversation import Conversation
from schemas.events import ConversationChanged, ConversationCreated, Event, RolesChanged
from tests.given import AT, ROOM, TENANT, deleted, edited, sent

COMMON = {"tenant": TENANT, "at": AT, "conversation_id": ROOM, "actor": "ann"}
MESSAGE = sent("k1", "hello")
LIVE = message.evolve(message.Absent(), MESSAGE)
GROUP = conversation.evolve(
    None,
    ConversationCreated(**COMMON, kind="group", participants={"ann": "owner", "bob": "member"}, title="Lunch"),
)


def of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def test_edit_has_both_texts() -> None:
    event = with_before(edited(MESSAGE, "hello all"), LIVE)
    assert (before_of(event), after_of(event)) == (of('{"text":"hello"}'), of('{"text":"hello all"}'))


def test_second_edit_replaces_the_first() -> None:
    again = with_before(edited(MESSAGE, "and again"), message.evolve(LIVE, edited(MESSAGE, "hello all")))
    assert before_of(again) == of('{"text":"hello all"}')


def test_deletion_has_the_text_that_is_gone() -> None:
    event = with_before(deleted(MESSAGE), LIVE)
    assert (before_of(event), after_of(event)) == (of('{"text":"hello"}'), None)


def test_ciphertext_is_hashed_as_one() -> None:
    sealed = structs.replace(MESSAGE, text="", ciphertext="s3cret")
    event = with_before(
        structs.replace(edited(MESSAGE, ""), ciphertext="n3w"), message.evolve(message.Absent(), sealed)
    )
    assert (before_of(event), after_of(event)) == (of('{"ciphertext":"s3cret"}'), of('{"ciphertext":"n3w"}'))


def test_title_and_roles_have_both() -> None:
    assert isinstance(GROUP, Conversation)
    titled = with_before(ConversationChanged(**COMMON, title=None), GROUP)
    assert (before_of(titled), after_of(titled)) == (of('{"title":"Lunch"}'), of('{"title":null}'))
    raised = with_before(RolesChanged(**COMMON, roles={"bob": "admin"}), GROUP)
    assert before_of(raised) == of('{"roles":{"bob":"member"}}')
    assert after_of(raised) == of('{"roles":{"bob":"admin"}}')


@pytest.mark.parametrize("event", [ConversationChanged(**COMMON, avatar=None), MESSAGE], ids=["avatar", "send"])
def test_other_changes_have_none(event: Event) -> None:
    for state in (LIVE, GROUP):
        assert with_before(event, state) == event
    assert (before_of(event), after_of(event)) == (None, None)


def test_change_of_what_nobody_knows_has_no_before() -> None:
    assert before_of(with_before(deleted(MESSAGE), message.Absent())) is None


def test_officer_computes_it_with_a_shell() -> None:
    line = 'printf %s \'{"text":"hello"}\' | sha256sum'
    printed = subprocess.check_output(["sh", "-c", line], text=True)
    assert printed.split()[0] == before_of(with_before(deleted(MESSAGE), LIVE))
