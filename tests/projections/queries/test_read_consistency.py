"""What is shown needs a view as new as itself; there is none newer than one that has passed the log's end."""

from edge.socket.node import Node
from projections.queries.read_consistency import with_fresh_view
from tests.edge.socket.world import Person, World, room


async def test_a_change_that_no_log_has_is_waited_for_no_longer_than_the_log_is_long(
    running: tuple[World, Node],
) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    here = await room(ann, "ben")
    view = found.memberships.get(here)
    assert view is not None
    assert await with_fresh_view(found.memberships, view, 99) == view


async def test_a_view_that_is_older_is_renewed(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    here = await room(ann, "ben")
    view = found.memberships.get(here)
    assert view is not None
    await ann.ask("conversation:update", conversation_id=here, title="Plans")
    assert (await with_fresh_view(found.memberships, view, 2)).title == "Plans"
