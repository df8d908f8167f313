"""Users with a session are followed, and some who had one; others are counted now and then."""

from collections.abc import AsyncIterator

import pytest

from streams.memberships.membership_tail import MembershipTail
from tests.eventually import eventually
from tests.streams.memberships.tailing import ALL, HISTORY, append, logged, tailing, work
from tests.streams.world import TENANT, FrailDocuments, joined

System = tuple[MembershipTail, FrailDocuments]


@pytest.fixture
async def system() -> AsyncIterator[System]:
    """A view that forgets what nobody needs, of bob's four conversations and cid's one."""
    async with logged(*HISTORY) as log:
        documents = FrailDocuments()
        await work(log, documents, ALL)
        async with tailing(log, documents) as tail:
            tail._views.loaded.idle_size = 0
            await eventually(lambda: tail.fresh)
            yield tail, documents


async def test_user_who_has_gone_is_followed_until_others_have_gone(system: System) -> None:
    tail, documents = system
    tail._users.lingering = 1
    await tail.follow(TENANT, "cid")
    tail.unfollow(TENANT, "cid")
    documents.down = True
    await tail.follow(TENANT, "cid")
    assert tail.present_of_user(TENANT, "cid") == {"a"}
    tail.unfollow(TENANT, "cid")
    documents.down = False
    await tail.follow(TENANT, "bob")
    tail.unfollow(TENANT, "bob")
    assert tail.get("a") is not None
    await tail.follow(TENANT, "eve")
    tail.unfollow(TENANT, "eve")
    assert [tail.get(room) for room in "abcf"] == [None] * 4


async def test_user_with_two_sessions_is_followed_until_both_have_ended(system: System) -> None:
    tail, _ = system
    tail._users.lingering = 0
    for _session in range(2):
        await tail.follow(TENANT, "cid")
    tail.unfollow(TENANT, "cid")
    assert tail.get("a") is not None
    tail.unfollow(TENANT, "cid")
    assert tail.get("a") is None


async def test_login_that_failed_leaves_nothing_behind(system: System) -> None:
    tail, documents = system
    documents.down = True
    with pytest.raises(Exception, match="the store is down"):
        await tail.follow(TENANT, "cid")
    assert not tail._views.loaded.holds((TENANT, "cid"))
    documents.down = False
    await tail.follow(TENANT, "cid")
    assert tail.of_user(TENANT, "cid") == {"a"}


async def test_count_is_remembered_until_the_view_has_passed_the_logs_end(system: System) -> None:
    tail, _ = system
    assert await tail.counts_of_users(TENANT, ["cid", "bob"]) == {"cid": 1, "bob": 4}
    await append(tail._log, [joined("b", "cid", 2)])
    await tail.prove("b")
    assert await tail.counts_of_users(TENANT, ["cid"]) == {"cid": 1}
    await tail.prove(None)
    assert await tail.counts_of_users(TENANT, ["cid"]) == {"cid": 2}
