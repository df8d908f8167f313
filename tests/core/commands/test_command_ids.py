"""Which event a command appends: one that changed nothing must not stand for a later one."""

from core.commands.command_ids import return_id_of
from core.domain.conversation import Conversation, evolve
from core.domain.conversation_decisions import reopen
from core.domain.decision import Context
from schemas.events import ConversationEvent
from tests.core.domain.test_conversation import created, fold, removed


def _opens(user: str, group: Conversation | None) -> tuple[ConversationEvent, str]:
    assert group is not None
    context = Context("acme", user, "2026-11-20T09:30:00.000Z", "c")
    (event,) = reopen(group, context, 5)
    return event, return_id_of(group, context)


def test_who_opened_an_empty_group_too_late_opens_it_when_it_is_empty_again() -> None:
    leaves = [removed(user, actor=user) for user in ("bob", "ann")]
    empty = fold(created(participants={"ann": "owner", "bob": "member"}), *leaves)
    first, _ = _opens("bob", empty)
    late, late_id = _opens("ann", empty)
    taken = evolve(evolve(empty, first), late)
    assert taken is not None and (taken.holds("bob"), taken.holds("ann")) == (True, False)
    _, again_id = _opens("ann", evolve(taken, removed("bob", actor="bob")))
    assert again_id != late_id
    assert _opens("ann", empty) == (late, late_id)
