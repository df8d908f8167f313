"""A crowd that chats as people do: a conversation of two for each, one of twenty, one of five hundred.

Of the sends 70 % go to two, 25 % to twenty and 5 % to five hundred, so that one send is about 31 deliveries.
"""

import random
from collections.abc import Sequence
from typing import Final

from edge.tools.bench.spec import Circle, Seat
from edge.tools.bench.world import World
from schemas.envelope import Record

SIZES: Final = (2,) * 14 + (20,) * 5 + (500,)
"""Of every twenty sends, how many people each goes to."""
PER_SEND: Final = sum(SIZES) / len(SIZES)
"""Deliveries of a send, on the average."""


def gathering(world: World, people: int, ports: Sequence[int]) -> tuple[list[Seat], list[Circle], list[Record]]:
    """A seat for each at one of these ports in turn, the conversations, and the records that begin them.

    `people` is a multiple of each size that it is not below; those beyond it there are none of. Whoever sits side by
    side is at different nodes, and in one conversation of every size.
    """
    users = [f"person-{n}" for n in range(people)]
    seats = [Seat(ports[n % len(ports)], world.token(user)) for n, user in enumerate(users)]
    circles, records = [], []
    for size in sorted(size for size in set(SIZES) if size <= people):
        for start in range(0, people, size):
            members = list(range(start, start + size))
            conversation_id, record = world.begun(f"circle-{size}-{start}", [users[n] for n in members])
            circles.append(Circle(conversation_id, members))
            records.append(record)
    return seats, circles, records


class Chances:
    """Who sends next, and where: by the shares, exactly so in every twenty sends; the same for the same seed."""

    def __init__(self, circles: Sequence[Circle], seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a load, no secret
        self._circles = circles
        self._of: dict[int, list[int]] = {}
        for number, circle in enumerate(circles):
            self._of.setdefault(len(circle.members), []).append(number)
        self._deck = [size for size in SIZES if size in self._of]
        self._sizes: list[int] = []

    def next(self) -> tuple[int, int]:
        """The number of a circle, and of the seat that sends to it."""
        if not self._sizes:
            self._sizes = self._random.sample(self._deck, len(self._deck))
        number = self._random.choice(self._of[self._sizes.pop()])
        return number, self._random.choice(self._circles[number].members)
