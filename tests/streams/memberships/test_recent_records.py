"""The recent records are all that were read from a checkpoint of the read model on."""

from schemas.events import ParticipantsAdded
from schemas.topics import CONVERSATION_UPDATED, Partition
from streams.memberships.recent_records import RecentRecord, RecentRecords
from tests.streams.world import AT, TENANT

ONE, OTHER = Partition(CONVERSATION_UPDATED, 0), Partition(CONVERSATION_UPDATED, 1)


def added(at: Partition, offset: int, key: str, *users: str) -> RecentRecord:
    people = dict.fromkeys(users, "member")
    event = ParticipantsAdded(tenant=TENANT, at=AT, conversation_id=key, actor="ann", participants=people, at_seq=0)
    return RecentRecord(at, offset, f"{at.number} {offset}", key, event)


def test_records_are_found_by_conversation_and_by_user_until_they_are_trimmed() -> None:
    recent = RecentRecords()
    recent.begin({ONE: 3, OTHER: 0})
    first, second, third = added(ONE, 3, "a", "ben", "cy"), added(ONE, 5, "a", "ben"), added(OTHER, 0, "b", "ben")
    for record in (first, second, third, RecentRecord(ONE, 6, "unreadable", "a", None)):
        recent.add(record)
    assert list(recent.of("a"))[:2] == [first, second]
    assert (recent.naming((TENANT, "ben")), recent.naming((TENANT, "cy"))) == (["a", "b"], ["a"])
    recent.trim({ONE: 5})
    assert (list(recent.of("a"))[:1], len(recent), recent.begins) == ([second], 3, {ONE: 5, OTHER: 0})
    assert (recent.naming((TENANT, "ben")), recent.naming((TENANT, "cy"))) == (["a", "b"], [])
    recent.trim({ONE: 9, OTHER: 1})
    assert (len(recent), list(recent.of("a")), recent.naming((TENANT, "ben"))) == (0, [], [])


def test_earlier_checkpoint_brings_nothing_back() -> None:
    recent = RecentRecords()
    recent.begin({ONE: 7})
    recent.trim({ONE: 2})
    assert recent.begins == {ONE: 7}
