"""Activity keeps the last message's number and time per conversation on one node: read once from the heads, and again
only where a newer message was delivered. So an order by activity costs no write, and no read for idle conversations.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, Protocol

from core.ports.documents import Documents, Row, TableGeneration
from projections.generations import Generations
from projections.messages import message_rows

BATCH_SIZE: Final = 1_000
"""Maximum number of heads that are read together."""
MAX_CONVERSATIONS: Final = 200_000
"""Maximum number of conversations that are kept; beyond it the older half is dropped, and read again when needed."""


class DeliveredNumbers(Protocol):
    """The numbers up to which the pushes of a conversation were delivered."""

    @property
    def last(self) -> Mapping[str, int]:
        """Lane → the number of its last push; empty until that is known."""
        ...


class Activity:
    """The number and time of the last message of conversations; 0 and no time where there is none.

    The order is for people and may lag: a conversation may be where it was a moment ago.
    """

    def __init__(self, documents: Documents, generations: Generations) -> None:
        self._documents = documents
        self._generations = generations
        self._known: dict[str, tuple[int, str]] = {}
        self._of: tuple[int, int] = (0, 0)

    async def of(
        self, keys: Collection[str], channels: Mapping[str, DeliveredNumbers], recently_sent: Iterable[str] = ()
    ) -> Mapping[str, tuple[int, str]]:
        """Return the number and time of these conversations' last messages. `channels` have what was delivered;
        conversations in `recently_sent`, whose messages may not have been pushed yet, are read again. Raises
        `Unavailable`.
        """
        self._forget_outdated()
        known, again = self._known, frozenset(recently_sent)
        found = {key: known[key] for key in keys if key in known}
        outdated = [key for key in keys if key in again or _is_outdated(found.get(key), channels.get(key))]
        place = TableGeneration(message_rows.HEADS, self._generations.live(message_rows.MODEL))
        for start in range(0, len(outdated), BATCH_SIZE):
            some = outdated[start : start + BATCH_SIZE]
            rows = await self._documents.get(place, some)
            self.note_heads(some, rows)
            found |= _last_of(some, rows)  # `_known` may drop them meanwhile
        return found

    def note_heads(self, keys: Iterable[str], rows: Mapping[str, Row]) -> None:
        """Keep the heads that were read of these conversations; those without a row have no message."""
        self._forget_outdated()
        self._known |= _last_of(keys, rows)

    def _forget_outdated(self) -> None:
        """Forget what was read in another life of the store or another generation: it may exceed what is there."""
        now = (self._documents.life, self._generations.live(message_rows.MODEL))
        if now != self._of:
            self._of, self._known = now, {}
        elif len(self._known) > MAX_CONVERSATIONS:
            self._known = dict(list(self._known.items())[MAX_CONVERSATIONS // 2 :])


def _is_outdated(known: tuple[int, str] | None, channel: DeliveredNumbers | None) -> bool:
    """Return whether a head must be read: it is unknown, or no channel reports newer messages, or one does."""
    return known is None or channel is None or not channel.last or channel.last["sent"] > known[0]


def _last_of(keys: Iterable[str], rows: Mapping[str, Row]) -> dict[str, tuple[int, str]]:
    """Return the number and time of the last messages in these heads."""
    heads = {key: rows.get(key, {}).get("sent", {"n": 0}) for key in keys}
    return {key: (sent["n"], sent.get("at", "")) for key, sent in heads.items()}
