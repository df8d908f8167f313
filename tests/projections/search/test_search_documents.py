"""What is found is what the message now says."""

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


def test_an_edited_message_is_found_by_its_new_words_under_a_higher_version() -> None:
    first = search_documents.entry(row(fact(MESSAGE_SENT, 5, HELLO)))
    second = search_documents.entry(
        row(fact(MESSAGE_SENT, 5, HELLO), fact(MESSAGE_EDITED, 0, edited(HELLO, "new"), "e1"))
    )
    assert first is not None
    assert second is not None
    assert (first.text, second.text) == ("hello", "new")
    assert second.version > first.version


def test_a_caption_that_was_taken_away_is_found_no_longer() -> None:
    captioned = structs.replace(HELLO, attachments=[Attachment(media_id=ROOM, name="plan")])
    entry = search_documents.entry(
        row(fact(MESSAGE_SENT, 5, captioned), fact(MESSAGE_EDITED, 0, edited(HELLO, ""), "e1"))
    )
    assert entry is not None
    assert entry.text is None


def test_a_deleted_message_is_taken_out() -> None:
    entry = search_documents.entry(row(fact(MESSAGE_SENT, 5, HELLO), fact(MESSAGE_DELETED, 0, deleted(HELLO), "d1")))
    assert entry is not None
    assert entry.text is None


def test_a_row_without_its_message_is_not_indexed() -> None:
    assert search_documents.entry(row(fact(MESSAGE_EDITED, 0, edited(HELLO, "new"), "e1"))) is None


def test_a_repeat_changes_nothing() -> None:
    assert row(fact(MESSAGE_SENT, 5, HELLO), fact(MESSAGE_SENT, 6, HELLO)) == row(fact(MESSAGE_SENT, 5, HELLO))


def test_a_ciphertext_is_never_indexed_nor_kept_here() -> None:
    sealed = structs.replace(HELLO, text="", ciphertext="s3cret")
    edit = structs.replace(edited(sealed, ""), ciphertext="0ther")
    found = row(fact(MESSAGE_SENT, 5, sealed), fact(MESSAGE_EDITED, 0, edit, "e1"))
    entry = search_documents.entry(found)
    assert entry is not None
    assert entry.text is None
    assert "s3cret" not in str(found)
    assert "0ther" not in str(found)


def test_a_message_is_found_by_its_text_alone() -> None:
    carried = structs.replace(
        HELLO, attachments=[Attachment(media_id=ROOM, name="plan")], metadata={"word": "plan"}, mentions=["ann"]
    )
    assert row(fact(MESSAGE_SENT, 5, carried)) == row(fact(MESSAGE_SENT, 5, HELLO))
    files = search_documents.entry(row(fact(MESSAGE_SENT, 5, structs.replace(carried, text=""))))
    assert files is not None
    assert files.text is None


def test_newer_messages_have_a_greater_order_and_later_ones_of_the_same_moment_too() -> None:
    times = ["2026-11-20T09:30:00.000Z", "2026-11-20T09:30:00.001Z", "2026-11-20T10:30:00.001Z"]
    orders = [search_documents.order_of(at, offset) for at in times for offset in (3, 4, 900_000)]
    assert orders == sorted(set(orders))
    assert 0 < orders[0] < orders[-1] < 1 << 62


def test_a_time_that_is_none_is_the_oldest() -> None:
    for at in ("", "yesterday", "0001-01-01T00:00:00.000Z"):
        assert search_documents.order_of(at, 7) == 7
    assert search_documents.order_of("9999-12-31T23:59:59.999Z", 7) < 1 << 62


def test_an_entry_says_who_sent_it_and_where_it_lies() -> None:
    entry = search_documents.entry(row(fact(MESSAGE_SENT, 5, HELLO)))
    assert entry is not None
    assert (entry.sender, entry.offset) == (HELLO.sender, 5)
    assert entry.order == search_documents.order_of(HELLO.at, 5)
