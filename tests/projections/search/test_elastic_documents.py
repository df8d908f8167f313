"""What a server is asked stays within what it takes, and it is given tokens."""

from typing import Any

from core.ports.search_index import Hit, Query, Stay
from projections.search.elastic_documents import entry_lines, searched
from tests.contracts.search_index import CONVERSATION, entry

CLAUSES = 1_024


def clauses(query: Any) -> int:
    """How many queries lie in this one, all within all."""
    if isinstance(query, list):
        return sum(map(clauses, query))
    if isinstance(query, dict):
        return sum((name in {"term", "terms", "range", "prefix"}) + clauses(inside) for name, inside in query.items())
    return 0


def test_thousands_of_stays_are_no_more_clauses_than_a_server_takes() -> None:
    stays = [Stay(f"{CONVERSATION}{n}", 1, 9) for n in range(5_000)]
    query = Query("acme", [f"w{n}" for n in range(32)], stays, "w", "ann")
    asked = searched(query, Hit(7, "a"))
    assert clauses(asked) < CLAUSES / 2
    assert str(asked).count(CONVERSATION) == len(stays)


def test_a_document_has_tokens_and_its_text_and_one_taken_out_has_neither() -> None:
    said, gone = list(entry_lines([entry("a", "Café 上海"), entry("b", None)]))[1::2]
    assert (said["text"], said["tokens"]) == ("Café 上海", ["cafe", "上", "海", "上海"])
    assert gone.keys() == {"message_id", "tenant", "conversation_id", "sender", "offset", "order"}
