"""Searches are measured among messages that the searching users may read."""

from pathlib import Path

from core.identity import Identity
from core.settings import Settings
from edge.composition import compose
from edge.tools.bench.searching import BUSY, Talk, filled, logged_in, measured, searching
from edge.tools.bench.world import World, append_all
from schemas.commands.queries import SearchMessages


def test_generated_messages_are_the_same_in_every_run() -> None:
    world = World()
    first, second = Talk(world), Talk(world)
    assert list(first.said(50)) == list(second.said(50))
    assert first.question() == second.question()


async def test_users_and_the_busy_user_are_measured(tmp_path: Path) -> None:
    world = World()
    talk = Talk(world)
    async with compose.opened(compose.embedded(Settings(data=str(tmp_path)))) as found:
        await append_all(found.log, talk.begun())
        await filled(found, talk, 7, 300)
        made, memberships = await searching(found, 7)
        async with compose.background(("memberships", memberships.run())):
            await logged_in(memberships, talk, world.tenant)
            answer = await made.search(Identity(world.tenant, BUSY, 0.0), SearchMessages(text=talk.words[0]))
            assert answer.messages
            alone, beside, hard = await measured(made, talk, world.tenant, 0.3)
    assert len(alone) == len(beside) == 5
    assert hard
