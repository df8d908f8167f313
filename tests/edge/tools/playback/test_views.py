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


def told(kind: str, at: str, sender: str, text: str | None, **more: Any) -> Event:
    told = {"conversation_id": "room", "client_msg_id": at, "message_id": f"id {at}", "sender": sender, "text": text}
    return Event(kind, {**told, "reply_to": None, "edited": False, "deleted": False, **more})


NEW = told("message:new", "2", "ada", "one")
ANSWER = told("message:new", "3", "bo", "two", reply_to="id 2")
EDITED = told("message:edited", "2", "ada", "one, again", edited=True)
DELETED = told("message:deleted", "3", "bo", None, reply_to="id 2", deleted=True)
ALL = (NEW, ANSWER, EDITED, DELETED)


def hear(views: Views, user: str, *events: Event) -> None:
    for event in events:
        views.hears(user, event)


def different(views: Views) -> dict[str, str]:
    return dict(views.differences())


def test_who_was_told_all_sees_what_was_said() -> None:
    found = views(ROWS)
    for user in ("ada", "bo"):
        hear(found, user, *ALL)
    assert different(found) == {}
    assert len(found) == 2


def test_who_missed_a_message_or_what_became_of_it_sees_something_else() -> None:
    for missing in ({NEW.type, EDITED.type}, {EDITED.type}, {DELETED.type}):
        found = views(ROWS)
        hear(found, "ada", *ALL)
        hear(found, "bo", *(event for event in ALL if event.type not in missing))
        assert different(found).keys() == {"bo"}, missing


def test_an_edit_may_come_before_its_message_and_a_deletion_stays() -> None:
    found = views(ROWS)
    hear(found, "ada", EDITED, NEW, DELETED, ANSWER)
    hear(found, "bo", NEW, EDITED, ANSWER, DELETED, told("message:edited", "3", "bo", "older", reply_to="id 2"))
    assert different(found) == {}


def test_a_message_that_nobody_sent_or_that_is_not_for_them_is_a_difference() -> None:
    found = views([*ROWS, Join("7", "c", "late"), Send("8", "c", "late", "hi")])
    last = told("message:new", "8", "late", "hi")
    for user in ("ada", "bo"):
        hear(found, user, *ALL, last)
    hear(found, "late", last)
    assert different(found) == {}
    hear(found, "late", NEW)
    assert different(found).keys() == {"late"}
    hear(found, "bo", told("message:new", "9", "bo", "never"))
    assert different(found).keys() == {"late", "bo"}


def test_what_became_of_a_message_after_somebody_left_is_not_theirs_to_know() -> None:
    rows = [*ROWS[:2], Leave("3", "c", "bo"), Edit("4", "c", "ada", "2", "one, again")]
    found = views(rows)
    hear(found, "ada", NEW, EDITED)
    assert "missing" in different(found)["bo"]
    hear(found, "bo", NEW)
    assert different(found) == {}
