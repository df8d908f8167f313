"""What is found is what the message now says."""

from msgspec import structs

from projections import search_docs
from schemas.events import Attachment
from schemas.topics import MESSAGE_DELETED, MESSAGE_EDITED, MESSAGE_SENT
from tests.given import ROOM, deleted, edited, sent
from tests.projections.given import fact

HELLO = sent()


def row(*facts: object) -> dict[str, object]:
    (write,) = search_docs.fold(facts, {})  # type: ignore[arg-type]
    return {"_id": write.id, **write.fixed, **write.facets}


def test_an_edited_message_is_found_by_its_new_words_under_a_higher_version() -> None:
    first = search_docs.entry(row(fact(MESSAGE_SENT, 5, HELLO)))
    second = search_docs.entry(row(fact(MESSAGE_SENT, 5, HELLO), fact(MESSAGE_EDITED, 0, edited(HELLO, "new"), "e1")))
    assert first is not None
    assert second is not None
    assert (first.text, second.text) == ("hello", "new")
    assert second.version > first.version


def test_a_caption_that_was_taken_away_is_found_no_longer() -> None:
    captioned = structs.replace(HELLO, attachments=[Attachment(media_id=ROOM, name="plan")])
    entry = search_docs.entry(row(fact(MESSAGE_SENT, 5, captioned), fact(MESSAGE_EDITED, 0, edited(HELLO, ""), "e1")))
    assert entry is not None
    assert entry.text is None


def test_a_deleted_message_is_taken_out() -> None:
    entry = search_docs.entry(row(fact(MESSAGE_SENT, 5, HELLO), fact(MESSAGE_DELETED, 0, deleted(HELLO), "d1")))
    assert entry is not None
    assert entry.text is None


def test_a_row_without_its_message_is_not_indexed() -> None:
    assert search_docs.entry(row(fact(MESSAGE_EDITED, 0, edited(HELLO, "new"), "e1"))) is None


def test_a_repeat_changes_nothing() -> None:
    assert row(fact(MESSAGE_SENT, 5, HELLO), fact(MESSAGE_SENT, 6, HELLO)) == row(fact(MESSAGE_SENT, 5, HELLO))


def test_a_ciphertext_is_never_indexed_nor_kept_here() -> None:
    sealed = structs.replace(HELLO, text="", ciphertext="s3cret")
    edit = structs.replace(edited(sealed, ""), ciphertext="0ther")
    found = row(fact(MESSAGE_SENT, 5, sealed), fact(MESSAGE_EDITED, 0, edit, "e1"))
    entry = search_docs.entry(found)
    assert entry is not None
    assert entry.text is None
    assert "s3cret" not in str(found)
    assert "0ther" not in str(found)


def test_a_message_is_found_by_its_text_alone() -> None:
    carried = structs.replace(
        HELLO, attachments=[Attachment(media_id=ROOM, name="plan")], metadata={"word": "plan"}, mentions=["ann"]
    )
    assert row(fact(MESSAGE_SENT, 5, carried)) == row(fact(MESSAGE_SENT, 5, HELLO))
    files = search_docs.entry(row(fact(MESSAGE_SENT, 5, structs.replace(carried, text=""))))
    assert files is not None
    assert files.text is None
