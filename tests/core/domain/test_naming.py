"""A new conversation needs a visible name; an existing one is opened by any name it has."""

import pytest

from core.domain.conversation import evolve
from core.domain.naming import BlankName, check
from schemas.commands.conversation import CreateConversation
from schemas.events import ConversationCreated, ParticipantsAdded
from schemas.names import bare_name, own_name, user_of
from tests.core.domain.test_conversation import created, fold, removed
from tests.given import Given, by

BLANK = [" ", "\n", "\x00", "\u00a0", "\u200b\u2060", "\u3164", "\ufeff", "\u2800 \t"]
SEEN = ["x", ".", "order-\u200b4711", "\u200bx", "你", "👍", "\nx"]


@pytest.mark.parametrize("name", BLANK, ids=ascii)
@pytest.mark.parametrize("full", ["{}", "@ann/{}"])
@pytest.mark.parametrize("kind", ["group", "direct"])
def test_conversation_cannot_have_an_invisible_name(name: str, full: str, kind: str) -> None:
    command = CreateConversation(kind=kind, external_id=full.format(name), participants=["bob"])  # type: ignore[arg-type]
    Given().when(command, "ann").rejects("validation_failed", external_id="value")


@pytest.mark.parametrize("name", BLANK, ids=ascii)
@pytest.mark.parametrize("full", ["{}", "@ann/{}"])
def test_old_conversation_with_an_invisible_name_opens(name: str, full: str) -> None:
    command = CreateConversation(external_id=full.format(name))
    old = fold(created(external_id=command.external_id))
    Given(old).when(command, "bob").nothing()
    Given(old).when(command, "eve").rejects("not_a_participant")
    empty = evolve(evolve(old, removed("bob", actor="bob")), removed("ann"))
    Given(empty).when(command, "ann").then(ParticipantsAdded, participants={"ann": "owner"})


@pytest.mark.parametrize("name", SEEN, ids=ascii)
@pytest.mark.parametrize("full", ["{}", "@ann/{}"])
def test_partly_visible_name_is_accepted_unchanged(name: str, full: str) -> None:
    command = CreateConversation(external_id=full.format(name))
    Given().when(command, "ann").then(ConversationCreated, external_id=command.external_id)


@pytest.mark.parametrize("name", ["x", *BLANK], ids=ascii)
def test_use_of_another_users_invisible_name_stays_private(name: str) -> None:
    command = CreateConversation(external_id=own_name("bob", name))
    for room in (None, fold(created(external_id=command.external_id, participants={"bob": "owner"}))):
        Given(room).when(command, "ann").rejects("not_a_participant")


def test_conversation_may_have_no_name() -> None:
    Given().when(CreateConversation(), "ann").then(ConversationCreated, external_id=None)


def test_rejection_of_an_invisible_name_is_rechecked() -> None:
    with pytest.raises(BlankName):
        check("\u200b", by("ann"))


@pytest.mark.parametrize("name", ["x", "@bob/x", "/", *BLANK], ids=ascii)
def test_full_name_has_user_and_name(name: str) -> None:
    assert (user_of(own_name("ann", name)), bare_name(own_name("ann", name))) == ("ann", name)


@pytest.mark.parametrize("name", ["x", "@ann", "@ann/", "@/x", "\n@ann/x", "@a b/x"], ids=ascii)
def test_application_name_has_no_user(name: str) -> None:
    assert (user_of(name), bare_name(name)) == (None, name)
