"""Tests that a message is found by its present text."""

from msgspec import structs

from projections.search import search_documents
from schemas.events import Attachment
from schemas.topics import MESSAGE_DELETED, MESSAGE_EDITED, MESSAGE_SENT
from tests.given import ROOM, deleted, edited, sent
from tests.projections.given import fact

HELLO = sent()


def row(*facts: object) -> dict[str, object]:
    (write,) = search_documents.fold(facts, {})  # type: ignore[arg-type]
    return {"_id": write.id, **write.fixed, **write.facets}


def test_edited_message_is_found_by_its_new_text_with_a_higher_version() -> None:
    first = search_documents.entry(row(fact(MESSAGE_SENT, 5, HELLO)))
    second = search_documents.entry(
        row(fact(MESSAGE_SENT, 5, HELLO), fact(MESSAGE_EDITED, 0, edited(HELLO, "new"), "e1"))
    )
    assert first is not None
    assert second is not None
    assert (first.text, second.text) == ("hello", "new")
    assert second.version > first.version


def test_removed_caption_is_not_found() -> None:
    captioned = structs.replace(HELLO, attachments=[Attachment(media_id=ROOM, name="plan")])
    entry = search_documents.entry(
        row(fact(MESSAGE_SENT, 5, captioned), fact(MESSAGE_EDITED, 0, edited(HELLO, ""), "e1"))
    )
    assert entry is not None
    assert entry.text is None


def test_deleted_message_is_removed() -> None:
    entry = search_documents.entry(row(fact(MESSAGE_SENT, 5, HELLO), fact(MESSAGE_DELETED, 0, deleted(HELLO), "d1")))
    assert entry is not None
    assert entry.text is None


def test_row_without_its_message_is_not_indexed() -> None:
    assert search_documents.entry(row(fact(MESSAGE_EDITED, 0, edited(HELLO, "new"), "e1"))) is None


def test_repeat_changes_nothing() -> None:
    assert row(fact(MESSAGE_SENT, 5, HELLO), fact(MESSAGE_SENT, 6, HELLO)) == row(fact(MESSAGE_SENT, 5, HELLO))


def test_ciphertext_is_not_indexed_and_not_stored() -> None:
    sealed = structs.replace(HELLO, text="", ciphertext="s3cret")
    edit = structs.replace(edited(sealed, ""), ciphertext="0ther")
    found = row(fact(MESSAGE_SENT, 5, sealed), fact(MESSAGE_EDITED, 0, edit, "e1"))
    entry = search_documents.entry(found)
    assert entry is not None
    assert entry.text is None
    assert "s3cret" not in str(found)
    assert "0ther" not in str(found)


def test_message_is_found_only_by_its_text() -> None:
    carried = structs.replace(
        HELLO, attachments=[Attachment(media_id=ROOM, name="plan")], metadata={"word": "plan"}, mentions=["ann"]
    )
    assert row(fact(MESSAGE_SENT, 5, carried)) == row(fact(MESSAGE_SENT, 5, HELLO))
    files = search_documents.entry(row(fact(MESSAGE_SENT, 5, structs.replace(carried, text=""))))
    assert files is not None
    assert files.text is None


def test_newer_messages_have_a_greater_order_also_in_the_same_millisecond() -> None:
    times = ["2026-11-20T09:30:00.000Z", "2026-11-20T09:30:00.001Z", "2026-11-20T10:30:00.001Z"]
    orders = [search_documents.order_of(at, offset) for at in times for offset in (3, 4, 900_000)]
    assert orders == sorted(set(orders))
    assert 0 < orders[0] < orders[-1] < 1 << 62


def test_invalid_time_is_the_oldest() -> None:
    for at in ("", "yesterday", "0001-01-01T00:00:00.000Z"):
        assert search_documents.order_of(at, 7) == 7
    assert search_documents.order_of("9999-12-31T23:59:59.999Z", 7) < 1 << 62


def test_entry_has_sender_and_offset() -> None:
    entry = search_documents.entry(row(fact(MESSAGE_SENT, 5, HELLO)))
    assert entry is not None
    assert (entry.sender, entry.offset) == (HELLO.sender, 5)
    assert entry.order == search_documents.order_of(HELLO.at, 5)
