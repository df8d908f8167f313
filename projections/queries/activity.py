"""When something was said last in each conversation, as one node knows it: read once from the heads, then only where
the node was told of a newer message. So an order by activity costs no write for anybody, and no read for those at rest.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, Protocol

from core.ports.documents import Documents, Row, TableGeneration
from projections.generations import Generations
from projections.messages import message_rows

AT_ONCE: Final = 1_000
"""Number of heads that are read at one time."""
KEPT: Final = 200_000
"""Maximum of conversations whose activity is kept; beyond it the first half is read again when it is asked for."""


class Delivered(Protocol):
    """How far the pushes of a conversation were delivered: lane to number, empty until that is known."""

    @property
    def last(self) -> Mapping[str, int]:
        """The number of each lane's last push."""
        ...


class Activity:
    """The number and the time of the last message of conversations; 0 and no time where there is none.

    It is an order for people, not a fact: a conversation may stand where it stood a moment ago.
    """

    def __init__(self, documents: Documents, generations: Generations) -> None:
        self._documents = documents
        self._generations = generations
        self._known: dict[str, tuple[int, str]] = {}
        self._of: tuple[int, int] = (0, 0)

    async def of(
        self, keys: Collection[str], channels: Mapping[str, Delivered], said: Iterable[str] = ()
    ) -> Mapping[str, tuple[int, str]]:
        """Of these conversations. `channels` say how far somebody was told of them; where somebody has `said`
        something that may not have been pushed yet, it is read again. Raises `Unavailable`.
        """
        self._forget_others()
        known, again = self._known, frozenset(said)
        found = {key: known[key] for key in keys if key in known}
        behind = [key for key in keys if key in again or _behind(found.get(key), channels.get(key))]
        place = TableGeneration(message_rows.HEADS, self._generations.live(message_rows.MODEL))
        for start in range(0, len(behind), AT_ONCE):
            some = behind[start : start + AT_ONCE]
            rows = await self._documents.get(place, some)
            self.saw(some, rows)
            found |= _last_of(some, rows)  # what is kept may be forgotten meanwhile
        return found

    def saw(self, keys: Iterable[str], rows: Mapping[str, Row]) -> None:
        """The heads of these conversations were read: of those without a row nothing was said."""
        self._forget_others()
        self._known |= _last_of(keys, rows)

    def _forget_others(self) -> None:
        """What was read in another life of the store, or of another generation, may be more than there is."""
        now = (self._documents.life, self._generations.live(message_rows.MODEL))
        if now != self._of:
            self._of, self._known = now, {}
        elif len(self._known) > KEPT:
            self._known = dict(list(self._known.items())[KEPT // 2 :])


def _behind(known: tuple[int, str] | None, channel: Delivered | None) -> bool:
    """Whether it must be read: nothing is known, or nobody would say if there were more, or there is more."""
    return known is None or channel is None or not channel.last or channel.last["sent"] > known[0]


def _last_of(keys: Iterable[str], rows: Mapping[str, Row]) -> dict[str, tuple[int, str]]:
    """Number and time of the last message of these, as their heads say it."""
    heads = {key: rows.get(key, {}).get("sent", {"n": 0}) for key in keys}
    return {key: (sent["n"], sent.get("at", "")) for key, sent in heads.items()}
