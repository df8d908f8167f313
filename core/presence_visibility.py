"""Who is around somebody: whoever is in a conversation with them now, and they themselves."""

from typing import Final

from core.ports.memberships import Memberships

FEW: Final = 64


class PresenceVisibility:
    """The people around one user, as the node's view is at this moment: make it, ask it, and let it go."""

    def __init__(self, memberships: Memberships, tenant: str, user_id: str) -> None:
        self._memberships = memberships
        self._tenant = tenant
        self._user_id = user_id
        found = ((key, memberships.get(key)) for key in memberships.of_user(tenant, user_id))
        self._views = {key: view for key, view in found if view is not None and view.holds(user_id)}

    def __contains__(self, other: str) -> bool:
        if other == self._user_id:
            return True
        if len(self._views) <= FEW:
            return any(view.holds(other) for view in self._views.values())
        theirs = self._memberships.of_user(self._tenant, other)
        return any(key in self._views and self._views[key].holds(other) for key in theirs)
