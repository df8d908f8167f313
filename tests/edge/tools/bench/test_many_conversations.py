from collections import Counter

from core.settings import Settings
from edge.tools.bench.many_conversations import PER_USER, couples, started
from edge.tools.bench.run import bench


def test_users_are_in_twenty_different_conversations_each() -> None:
    made = list(couples(500))
    assert len({frozenset(couple) for couple in made}) == 500
    assert set(Counter(user for couple in made for user in couple).values()) == {PER_USER}


async def test_second_start_and_its_memory_are_measured() -> None:
    with bench(Settings(), pairs=1, seconds=0.1) as where:
        seen = await started(where, 300)
    assert seen.fold_s > 0
    assert seen.start_s > 0
    assert seen.sessions_mib > seen.mib > 0
