"""PresenceVisibility says whose presence a user may see: that of users who share a conversation now, and their own."""

from typing import Final

from core.ports.memberships import Memberships

MAX_SCANNED: Final = 64
"""Maximum number of the user's conversations that are scanned; with more, those of the other user are."""


class PresenceVisibility:
    """The users that one user may see, by the node's view at this moment. Short-lived: do not keep it."""

    def __init__(self, memberships: Memberships, tenant: str, user_id: str) -> None:
        self._memberships = memberships
        self._tenant = tenant
        self._user_id = user_id
        found = ((key, memberships.get(key)) for key in memberships.present_of_user(tenant, user_id))
        self._views = {key: view for key, view in found if view is not None}

    def __contains__(self, other: str) -> bool:
        if other == self._user_id:
            return True
        if len(self._views) <= MAX_SCANNED:
            return any(view.is_member(other) for view in self._views.values())
        theirs = self._memberships.present_of_user(self._tenant, other)
        return any(key in self._views for key in theirs)
