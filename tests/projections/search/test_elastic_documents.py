"""Tests that queries stay within the server's limits, and that documents have tokens."""

from typing import Any

from core.ports.search_index import Hit, OffsetRange, Query
from projections.search.elastic_documents import entry_lines, query_body
from tests.contracts.search_index import CONVERSATION, entry

CLAUSES = 1_024


def clauses(query: Any) -> int:
    """Return the number of queries in this one, at all levels."""
    if isinstance(query, list):
        return sum(map(clauses, query))
    if isinstance(query, dict):
        return sum((name in {"term", "terms", "range", "prefix"}) + clauses(inside) for name, inside in query.items())
    return 0


def test_query_of_thousands_of_ranges_stays_within_the_clause_limit() -> None:
    ranges = [OffsetRange(f"{CONVERSATION}{n}", 1, 9) for n in range(5_000)]
    query = Query("acme", [f"w{n}" for n in range(32)], ranges, "w", "ann")
    body = query_body(query, Hit(7, "a"))
    assert clauses(body) < CLAUSES / 2
    assert str(body).count(CONVERSATION) == len(ranges)


def test_document_has_text_and_tokens_and_a_removed_one_has_neither() -> None:
    kept, removed = list(entry_lines([entry("a", "Café 上海"), entry("b", None)]))[1::2]
    assert (kept["text"], kept["tokens"]) == ("Café 上海", ["cafe", "上", "海", "上海"])
    assert removed.keys() == {"message_id", "tenant", "conversation_id", "sender", "offset", "order"}
