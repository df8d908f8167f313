"""Check the name of a new conversation: not in another user's namespace, and not invisible.

This applies only when a conversation is created: some old ones have invisible names, and their members open them by
these names.
"""

from core.domain.characters import blank
from core.domain.decision import Context, Rejected
from schemas.names import bare_name, user_of


class BlankName(Rejected):
    """The rejection of an invisible name: it depends on there being no conversation of this name."""

    def __init__(self) -> None:
        detail = "it has no visible character"
        super().__init__("validation_failed", detail, [("/data/external_id", "value")])


def check(external_id: str | None, context: Context) -> None:
    """Check that the actor may create a conversation with this full name. Raises `Rejected`."""
    if external_id is None:
        return
    if user_of(external_id) not in (None, context.actor):
        raise Rejected("not_a_participant")  # the same code as for a name in use: whether it is in use stays private
    if blank(bare_name(external_id)):
        raise BlankName
