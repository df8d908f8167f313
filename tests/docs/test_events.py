"""Whoever reads the log finds every topic, header and event on one page."""

import msgspec
import pytest

from schemas import events, topics
from schemas.events import upcast
from schemas.export import asyncapi_log
from streams.runtime.record_decoder import dead_letter
from tests.docs.pages import examples, headings, page, rows
from tests.schemas.samples import SAMPLES

PAGE = "events.md"


@pytest.mark.parametrize("name", topics.TOPICS)
def test_every_topic_is_in_the_table(name: str) -> None:
    topic = topics.TOPICS[name]
    assert rows(PAGE)[name] == [topic.key, str(topic.partitions), f"{topic.retention_ms // topics.DAY_MS} d"]


@pytest.mark.parametrize("name", events.EVENT_OF)
def test_every_event_has_a_heading(name: str) -> None:
    assert name in headings(PAGE)


def test_every_event_has_an_example_that_decodes() -> None:
    shown = [example.text.encode() for example in examples(PAGE, "json event")]
    types = [msgspec.json.decode(text)["type"] for text in shown]
    decoded = [upcast.decode(kind, text) for kind, text in zip(types, shown, strict=True)]
    assert decoded == list(SAMPLES)


@pytest.mark.parametrize("name", asyncapi_log.headers()["properties"])
def test_every_header_is_in_the_table(name: str) -> None:
    assert name in rows(PAGE)


def test_every_header_of_a_dead_letter_is_in_the_table() -> None:
    source = page("../streams/runtime/record_decoder.py")
    documented = [name for name in rows(PAGE) if name.startswith(("__streams", "caas_dlq"))]
    assert dead_letter.__doc__
    assert documented
    assert all(f'"{name}"' in source for name in documented)
    assert source.count('("__streams') + source.count('("caas_dlq') == len(documented)
