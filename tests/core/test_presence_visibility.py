"""A user is visible to users who share a conversation now."""

from collections.abc import Iterable

import pytest

from core import presence_visibility
from core.domain.conversation import Conversation
from core.domain.member import Interval, Member
from core.presence_visibility import PresenceVisibility

T = "acme"


class Views:
    """A fixed view of conversations."""

    fresh = True

    def __init__(self, *views: Conversation) -> None:
        self._views = {view.conversation_id: view for view in views}

    def get(self, conversation_id: str) -> Conversation | None:
        return self._views.get(conversation_id)

    def of_user(self, tenant: str, user_id: str) -> frozenset[str]:
        mine = (view for view in self._views.values() if view.tenant == tenant and user_id in view.members)
        return frozenset(view.conversation_id for view in mine)

    def present_of_user(self, tenant: str, user_id: str) -> frozenset[str]:
        ever = self.of_user(tenant, user_id)
        return frozenset(key for key in ever if self._views[key].is_member(user_id))

    async def counts_of_users(self, tenant: str, user_ids: Iterable[str]) -> dict[str, int]:
        return {user: len(self.present_of_user(tenant, user)) for user in user_ids}

    async def prove(self, conversation_id: str | None) -> None:
        """Return at once: the view is current."""

    async def wait_for(self, conversation_id: str, n: int, timeout_s: float = 1.0) -> bool:
        return True


def room(name: str, *here: str, gone: tuple[str, ...] = (), tenant: str = T) -> Conversation:
    members = {user: Member("member", (Interval(1),)) for user in here}
    members |= {user: Member("member", (Interval(1, 3),)) for user in gone}
    return Conversation(tenant, name, "group", "ann", "", n=1, members=members)


@pytest.mark.parametrize("few", [0, 64])
def test_users_who_share_a_conversation_are_visible(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence_visibility, "MAX_SCANNED", few)
    views = Views(
        room("1", "ann", "ben", gone=("cy",)),
        room("2", "dan", "eve", gone=("ann",)),
        room("3", "ann", "fay", tenant="other"),
        room("4", "gus"),
    )
    around = PresenceVisibility(views, T, "ann")
    people = ("ann", "ben", "cy", "dan", "eve", "fay", "gus", "nobody")
    assert [user for user in people if user in around] == ["ann", "ben"]
