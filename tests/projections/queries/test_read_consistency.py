"""A row is shown by a view at least as new as the row; a view that has passed the log's end is the newest."""

from edge.socket.node import Node
from projections.queries.read_consistency import with_fresh_view
from tests.edge.socket.world import Person, World, room


async def test_wait_for_a_missing_change_ends_at_the_logs_end(
    running: tuple[World, Node],
) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    here = await room(ann, "ben")
    view = found.memberships.get(here)
    assert view is not None
    assert await with_fresh_view(found.memberships, view, 99) == view


async def test_outdated_view_is_renewed(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    here = await room(ann, "ben")
    view = found.memberships.get(here)
    assert view is not None
    await ann.ask("conversation:update", conversation_id=here, title="Plans")
    assert (await with_fresh_view(found.memberships, view, 2)).title == "Plans"
