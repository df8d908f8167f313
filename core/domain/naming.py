"""The name that a conversation begins with: nobody begins one under another user's, nor under one that nobody sees.

This counts where a conversation begins, and nowhere else: some of before have names in which nothing can be seen, and
whoever is in one opens it by its name.
"""

from core.domain.characters import blank
from core.domain.decision import Context, Rejected
from schemas.names import bare_name, user_of


class BlankName(Rejected):
    """The no to a name in which nothing can be seen: it rests on there being no conversation that the command opens."""

    def __init__(self) -> None:
        detail = "there is nothing to be seen in it"
        super().__init__("validation_failed", detail, [("/data/external_id", "value")])


def check(external_id: str | None, context: Context) -> None:
    """Raises `Rejected` where the actor may begin no conversation under this name, which is given in full."""
    if external_id is None:
        return
    if user_of(external_id) not in (None, context.actor):
        raise Rejected("not_a_participant")  # in the words of a name that is taken: whether it is stays theirs
    if blank(bare_name(external_id)):
        raise BlankName
