"""Builds a load of users who chat as people do: each in a conversation of 2, one of 20 and one of 500.

Of the sends 70 % go to 2, 25 % to 20 and 5 % to 500 users, so that one send is about 31 deliveries.
"""

import random
from collections.abc import Sequence
from typing import Final

from edge.tools.bench.spec import Circle, Seat
from edge.tools.bench.world import World
from schemas.envelope import Record

SIZES: Final = (2,) * 14 + (20,) * 5 + (500,)
"""The size of the conversation of each of twenty sends."""
PER_SEND: Final = sum(SIZES) / len(SIZES)
"""Average number of deliveries of a send."""


def gathering(world: World, people: int, ports: Sequence[int]) -> tuple[list[Seat], list[Circle], list[Record]]:
    """Return a seat for each user, at these ports in turn, the conversations, and the records that create them.

    `people` must be a multiple of each size up to it; larger sizes are omitted. Neighbours in the list are on different
    nodes, and in one conversation of every size.
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


def pairs(world: World, people: int) -> tuple[list[str], list[Circle], list[Record]]:
    """Return a token for each user, the direct conversations of neighbours, and the records that create them."""
    users = [f"person-{n}" for n in range(people)]
    begun = [world.direct(one, other) for one, other in zip(users[::2], users[1::2], strict=True)]
    circles = [Circle(conversation_id, [2 * n, 2 * n + 1]) for n, (conversation_id, _) in enumerate(begun)]
    return [world.token(user) for user in users], circles, [record for _, record in begun]


class Chances:
    """Chooses conversation and sender of each send: exactly by the shares in every 20 sends; the same for a seed."""

    def __init__(self, circles: Sequence[Circle], seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a load, no secret
        self._circles = circles
        self._of: dict[int, list[int]] = {}
        for number, circle in enumerate(circles):
            self._of.setdefault(len(circle.members), []).append(number)
        self._deck = [size for size in SIZES if size in self._of]
        self._sizes: list[int] = []

    def next(self) -> tuple[int, int]:
        """Return the number of a circle, and of the seat that sends to it."""
        if not self._sizes:
            self._sizes = self._random.sample(self._deck, len(self._deck))
        number = self._random.choice(self._of[self._sizes.pop()])
        return number, self._random.choice(self._circles[number].members)
