from typing import Any

from edge.sdk.python.caas_client.wire import Event
from edge.tools.playback.plan import plan
from edge.tools.playback.recording import AnyRow, Delete, Edit, Join, Leave, Send
from edge.tools.playback.views import Views

ROWS: list[AnyRow] = [
    Join("1", "c", "bo"),
    Send("2", "c", "ada", "one"),
    Send("3", "c", "bo", "two", thread="2"),
    Edit("4", "c", "ada", "2", "one, again"),
    Edit("5", "c", "bo", "2", "not yours"),
    Delete("6", "c", "bo", "3"),
]


def views(rows: list[AnyRow]) -> Views:
    found = Views(plan(rows))
    found.conversation("room", "c")
    return found


def event(kind: str, at: str, sender: str, text: str | None, **more: Any) -> Event:
    data = {"conversation_id": "room", "client_msg_id": at, "message_id": f"id {at}", "sender": sender, "text": text}
    return Event(kind, {**data, "reply_to": None, "edited": False, "deleted": False, **more})


NEW = event("message:new", "2", "ada", "one")
ANSWER = event("message:new", "3", "bo", "two", reply_to="id 2")
EDITED = event("message:edited", "2", "ada", "one, again", edited=True)
DELETED = event("message:deleted", "3", "bo", None, reply_to="id 2", deleted=True)
ALL = (NEW, ANSWER, EDITED, DELETED)


def record_all(views: Views, user: str, *events: Event) -> None:
    for one in events:
        views.record(user, one)


def different(views: Views) -> dict[str, str]:
    return dict(views.differences())


def test_user_who_received_all_events_sees_the_expected_view() -> None:
    found = views(ROWS)
    for user in ("ada", "bo"):
        record_all(found, user, *ALL)
    assert different(found) == {}
    assert len(found) == 2


def test_user_who_missed_an_event_has_a_different_view() -> None:
    for missing in ({NEW.type, EDITED.type}, {EDITED.type}, {DELETED.type}):
        found = views(ROWS)
        record_all(found, "ada", *ALL)
        record_all(found, "bo", *(one for one in ALL if one.type not in missing))
        assert different(found).keys() == {"bo"}, missing


def test_edit_may_arrive_before_its_message_and_deletion_is_final() -> None:
    found = views(ROWS)
    record_all(found, "ada", EDITED, NEW, DELETED, ANSWER)
    record_all(found, "bo", NEW, EDITED, ANSWER, DELETED, event("message:edited", "3", "bo", "older", reply_to="id 2"))
    assert different(found) == {}


def test_message_that_was_never_sent_or_has_other_recipients_is_a_difference() -> None:
    found = views([*ROWS, Join("7", "c", "late"), Send("8", "c", "late", "hi")])
    last = event("message:new", "8", "late", "hi")
    for user in ("ada", "bo"):
        record_all(found, user, *ALL, last)
    record_all(found, "late", last)
    assert different(found) == {}
    record_all(found, "late", NEW)
    assert different(found).keys() == {"late"}
    record_all(found, "bo", event("message:new", "9", "bo", "never"))
    assert different(found).keys() == {"late", "bo"}


def test_changes_after_a_user_left_are_not_compared() -> None:
    rows = [*ROWS[:2], Leave("3", "c", "bo"), Edit("4", "c", "ada", "2", "one, again")]
    found = views(rows)
    record_all(found, "ada", NEW, EDITED)
    assert "missing" in different(found)["bo"]
    record_all(found, "bo", NEW)
    assert different(found) == {}
