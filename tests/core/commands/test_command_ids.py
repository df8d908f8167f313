"""Ids of events: an event that changed nothing must not block a later one."""

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
