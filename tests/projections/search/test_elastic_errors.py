"""What a search server refuses is named without the text that it refuses."""

from typing import Any

import pytest

from core.ports.event_log import Unavailable
from projections.search.elastic_errors import IndexRefused, check_documents, check_items


def failure(status: int, kind: str, reason: str) -> dict[str, Any]:
    return {"_id": "m1", "status": status, "error": {"type": kind, "reason": reason, "caused_by": {"reason": "zwölf"}}}


def test_refused_entry_is_named_without_its_text() -> None:
    reason = "failed to parse field [text] of type [text]. Preview of field's value: 'Nudeln um zwölf'"
    with pytest.raises(IndexRefused) as found:
        check_items([{"status": 200}, failure(400, "document_parsing_exception", reason)])
    assert str(found.value) == (
        "1 entries, the first m1: document_parsing_exception: failed to parse field [text] of type [text]. "
    )


def test_busy_server_is_an_outage_with_its_reason() -> None:
    busy = failure(429, "es_rejected_execution_exception", "the queue is full")
    with pytest.raises(Unavailable, match="the first m1: es_rejected_execution_exception: the queue is full"):
        check_items([busy])
    with pytest.raises(Unavailable, match="search: es_rejected_execution_exception: the queue is full"):
        check_documents([{"found": True}, busy])
