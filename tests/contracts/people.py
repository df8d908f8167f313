"""Contract of every presence store, on servers that other tests use, too."""

from core.ports.presence_store import PresenceRecord, PresenceStore
from tests.contracts.hints import LONG_S, SHORT_S, fresh
from tests.eventually import eventually

EARLY, NOON, LATE = (f"2026-11-20T{hour}:30:00.000Z" for hour in ("09", "12", "21"))
NOBODY = PresenceRecord({}, None)


def gone(seen: str) -> PresenceRecord:
    """The record of an offline user, last seen then."""
    return PresenceRecord({}, seen)


async def living(people: PresenceStore, ttl_s: float = LONG_S, now: str = EARLY) -> str:
    """Return a live node."""
    node = fresh("node")
    assert await people.alive(node, now, ttl_s) is False
    return node


class PeopleContract:
    """Give a fixture `people`, ready for use."""

    async def test_a_node_is_unknown_once_and_then_known(self, people: PresenceStore) -> None:
        node = await living(people)
        assert await people.alive(node, NOON, LONG_S) is True

    async def test_find_returns_the_presence_of_each_user(self, people: PresenceStore) -> None:
        node = await living(people)
        ann, ben, eve = fresh("ann"), fresh("ben"), fresh("eve")
        await people.enter(node, {ann: "online", ben: "away"}, NOON)
        assert dict(await people.find([ann, ben, eve])) == {
            ann: PresenceRecord({node: "online"}, NOON),
            ben: PresenceRecord({node: "away"}, NOON),
            eve: NOBODY,
        }

    async def test_each_node_has_its_own_last_status(self, people: PresenceStore) -> None:
        one, other, ann = await living(people), await living(people), fresh("ann")
        await people.enter(one, {ann: "online"}, EARLY)
        await people.enter(other, {ann: "busy"}, EARLY)
        assert (await people.find([ann]))[ann] == PresenceRecord({one: "online", other: "busy"}, EARLY)
        await people.enter(one, {ann: "away"}, NOON)
        assert (await people.find([ann]))[ann] == PresenceRecord({one: "away", other: "busy"}, NOON)

    async def test_leaving_one_node_keeps_the_others(self, people: PresenceStore) -> None:
        one, other, ann = await living(people), await living(people), fresh("ann")
        await people.enter(one, {ann: "online"}, EARLY)
        await people.enter(other, {ann: "away"}, EARLY)
        await people.leave(one, {ann: NOON})
        assert (await people.find([ann]))[ann] == PresenceRecord({other: "away"}, NOON)
        await people.leave(other, {ann: LATE})
        assert (await people.find([ann]))[ann] == gone(LATE)

    async def test_older_time_does_not_replace_last_seen(self, people: PresenceStore) -> None:
        node, ann, ben = await living(people), fresh("ann"), fresh("ben")
        await people.enter(node, {ann: "online", ben: "online"}, NOON)
        await people.leave(node, {ann: EARLY, ben: LATE})
        await people.enter(node, {ben: "online"}, EARLY)
        assert dict(await people.find([ann, ben])) == {ann: gone(NOON), ben: PresenceRecord({node: "online"}, LATE)}

    async def test_unknown_user_can_leave(self, people: PresenceStore) -> None:
        node, ann = await living(people), fresh("ann")
        await people.leave(node, {ann: NOON})
        assert (await people.find([ann]))[ann] == gone(NOON)

    async def test_node_that_never_called_alive_does_not_count(self, people: PresenceStore) -> None:
        ann = fresh("ann")
        await people.enter(fresh("node"), {ann: "online"}, NOON)
        assert (await people.find([ann]))[ann] == gone(NOON)

    async def test_users_of_a_silent_node_were_last_seen_at_its_last_call(self, people: PresenceStore) -> None:
        silent, other = await living(people, now=EARLY), await living(people)
        ann, ben = fresh("ann"), fresh("ben")
        await people.enter(silent, {ann: "online", ben: "online"}, EARLY)
        await people.enter(other, {ben: "away"}, EARLY)
        assert await people.alive(silent, NOON, SHORT_S) is True

        async def forgotten() -> None:
            found = await people.find([ann, ben])
            assert found == {ann: gone(NOON), ben: PresenceRecord({other: "away"}, NOON)}

        await eventually(forgotten)
        assert await people.alive(silent, LATE, LONG_S) is False
        await forgotten()

    async def test_users_of_a_forgotten_node_were_last_seen_then(self, people: PresenceStore) -> None:
        node, ann = await living(people), fresh("ann")
        await people.enter(node, {ann: "online"}, EARLY)
        await people.forget(node, NOON)
        assert (await people.find([ann]))[ann] == gone(NOON)
        assert await people.alive(node, LATE, LONG_S) is False

    async def test_thousand_users_fit_in_one_call(self, people: PresenceStore) -> None:
        node, crowd = await living(people), [fresh("one") for _ in range(1_000)]
        await people.enter(node, dict.fromkeys(crowd, "online"), EARLY)
        assert all(one == PresenceRecord({node: "online"}, EARLY) for one in (await people.find(crowd)).values())
        await people.leave(node, dict.fromkeys(crowd, NOON))
        assert all(one == gone(NOON) for one in (await people.find(crowd)).values())

    async def test_typing_is_reported_at_its_start_and_end(self, people: PresenceStore) -> None:
        ann, ben = fresh("ann"), fresh("ben")
        assert await people.typing([ann, ben], [], again_s=LONG_S, ttl_s=LONG_S) == {ann, ben}
        assert await people.typing([ann], [ben], again_s=LONG_S, ttl_s=LONG_S) == {ben}
        assert await people.typing([ben], [ann], again_s=LONG_S, ttl_s=LONG_S) == {ann, ben}
        assert await people.typing([], [ann], again_s=LONG_S, ttl_s=LONG_S) == frozenset()

    async def test_continued_typing_is_reported_again(self, people: PresenceStore) -> None:
        ann = fresh("ann")
        assert await people.typing([ann], [], again_s=SHORT_S, ttl_s=LONG_S) == {ann}
        assert await people.typing([ann], [], again_s=SHORT_S, ttl_s=LONG_S) == frozenset()

        async def news_again() -> None:
            assert await people.typing([ann], [], again_s=SHORT_S, ttl_s=LONG_S) == {ann}

        await eventually(news_again)
        assert await people.typing([], [ann], again_s=SHORT_S, ttl_s=LONG_S) == {ann}

    async def test_end_of_expired_typing_is_not_reported(self, people: PresenceStore) -> None:
        crowd = [fresh("one") for _ in range(1_000)]
        assert await people.typing(crowd, [], again_s=SHORT_S, ttl_s=SHORT_S) == set(crowd)
        assert await people.typing([], [crowd.pop()], again_s=SHORT_S, ttl_s=SHORT_S) != frozenset()

        async def over() -> None:
            assert await people.typing([], [crowd.pop()], again_s=SHORT_S, ttl_s=SHORT_S) == frozenset()

        await eventually(over)

    async def test_empty_call_returns_nothing(self, people: PresenceStore) -> None:
        node = fresh("node")
        await people.enter(node, {}, NOON)
        await people.leave(node, {})
        assert dict(await people.find([])) == {}
        assert await people.typing([], [], again_s=LONG_S, ttl_s=LONG_S) == frozenset()
        await people.forget(node, NOON)
