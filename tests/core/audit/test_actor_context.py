"""The context of an actor fits a header, whatever the client sent, and any header gives a context."""

from hypothesis import given
from hypothesis import strategies as st

from core.audit.actor_context import MAX_AGENT_BYTES, NOBODY, ActorContext, context_of, text_of
from schemas.envelope import MAX_HEADER_BYTES

SESSION = "6f1d1f8a-0000-4000-8000-0000000000ff"
ADDRESS = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"


def test_text_has_what_is_known() -> None:
    text = text_of(SESSION, "192.0.2.7", "Mozilla/5.0")
    assert context_of(text) == ActorContext(session=SESSION, address="192.0.2.7", agent="Mozilla/5.0")
    assert context_of(text_of(SESSION, "")) == ActorContext(session=SESSION)


@given(st.text(max_size=600))
def test_any_agent_fits_the_header(agent: str) -> None:
    text = text_of(SESSION, ADDRESS, agent)
    assert len(text.encode()) <= MAX_HEADER_BYTES
    kept = context_of(text).agent or ""
    assert len(kept.encode()) <= MAX_AGENT_BYTES
    assert agent.encode(errors="replace").decode().startswith(kept)


def test_agent_of_characters_that_json_escapes_fits_the_header() -> None:
    for agent in ('"' * 600, "\\" * 600, "\x01" * 600, "\ud800" * 600, "日" * 600):
        assert len(text_of(SESSION, ADDRESS, agent).encode()) <= MAX_HEADER_BYTES


@given(st.text(max_size=60))
def test_any_text_has_a_context(text: str) -> None:
    assert isinstance(context_of(text), ActorContext)


def test_text_that_is_none_has_that_of_nobody() -> None:
    for text in ("", "{", "[]", '{"session": 1}', "[" * 100_000):
        assert context_of(text) == NOBODY
