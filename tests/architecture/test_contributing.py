"""Every file that docs/contributing.md lists for a kind has what stands there for an existing one, and no other has."""

import re
from pathlib import Path

import pytest

from schemas import events
from schemas.commands import COMMANDS
from tests.architecture.packages import ROOT, files, named
from tests.docs.pages import page

PAGE = "contributing.md"
SAMPLES = {
    "PinMessage": "MessagePinned",
    "DeleteMessage": "MessageDeleted",
    "MuteConversation": "ConversationMuted",
}
"""A command of each aggregate, and its event."""
ON_THE_WIRE = {command.__name__: name for name, command in COMMANDS.items()}
MARKS = {
    "A processor and its read model": (r"\b[Rr]eceipts\b",),
    "A service": (r"\b(?:[Gg]ateway|GATEWAY)\b", r"\bCAAS_PORT\b", r"\bport: Port\b"),
    "A setting": (r"\bdrain_ms\b", r"\bCAAS_DRAIN_MS\b"),
    "A counter": (r"\btyping_dropped\b",),
}
"""By heading, what the files of its example have, one of these."""
GENERATED = "edge/sdk/python/caas_client/language/"
NAMES = {
    **dict.fromkeys(SAMPLES, "A command"),
    **dict.fromkeys(SAMPLES.values(), "An event"),
    "Receipts": "A processor and its read model",
    r"Gateway\b|\bedge\.gateway": "A service",
    "drain_ms": "A setting",
    "typing_dropped": "A counter",
}
"""A name in the code, and the heading whose files alone may have it."""
EXCEPTIONS = {
    ("MessageDeleted", "edge/sdk/python/caas_client/__init__.py"): "the client's own event of this name",
    ("MessageDeleted", "edge/sdk/python/caas_client/events.py"): "the client's own event of this name",
}
PATH = re.compile(r"`((?:core|deploy|docs|edge|projections|schemas|streams|tests)/[\w./-]+|pyproject\.toml)`")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def section(heading: str) -> str:
    return page(PAGE).partition(f"## {heading}\n")[2].partition("\n## ")[0]


def steps(heading: str) -> list[list[str]]:
    """The files of each numbered line, those before its first colon."""
    lines = re.findall(r"^\d+\. (.+?):", section(heading), re.MULTILINE)
    return [PATH.findall(line) for line in lines]


def marks(command: str) -> tuple[str, ...]:
    """The names of a command and its event, in the code and on the wire; other folds know no versions."""
    event = SAMPLES[command]
    tags = (ON_THE_WIRE[command], events.TYPE_OF[getattr(events, event)].rpartition(".")[0])
    return (command, event, *map(re.escape, tags))


def has(path: str, patterns: tuple[str, ...]) -> bool:
    place = ROOT / path
    inside = [one for one in place.rglob("*") if one.is_file()] if place.is_dir() else [place]
    wanted = re.compile("|".join(rf"(?:{pattern})" for pattern in patterns))
    return any(wanted.search(one.read_text(encoding="utf-8", errors="ignore")) for one in inside)


@pytest.mark.parametrize("heading", ["A command", "An event", *MARKS])
def test_every_listed_file_has_the_example(heading: str) -> None:
    known = MARKS.get(heading) or tuple(mark for command in SAMPLES for mark in marks(command))
    listed = [path for paths in steps(heading) for path in paths]
    assert listed
    assert [path for path in listed if not path.endswith("__init__.py") and not has(path, known)] == []


@pytest.mark.parametrize("command", SAMPLES)
@pytest.mark.parametrize("heading", ["A command", "An event"])
def test_every_step_in_the_source_was_taken_for_every_example(heading: str, command: str) -> None:
    source = [paths for paths in steps(heading) if not paths[0].startswith(("docs/", "tests/"))]
    assert len(source) >= 5
    assert [paths for paths in source if not any(has(path, marks(command)) for path in paths)] == []


@pytest.mark.parametrize(("name", "heading"), NAMES.items())
def test_no_other_file_has_the_name(name: str, heading: str) -> None:
    listed = set(PATH.findall(section(heading)))
    found = {named(path) for path in files() if re.search(rf"\b{name}\b", Path(path).read_text(encoding="utf-8"))}
    found = {path for path in found if not path.startswith((GENERATED, "edge/tools/"))}
    assert found
    assert sorted(path for path in found - listed if (name, path) not in EXCEPTIONS) == []


def test_every_exception_is_needed() -> None:
    assert [path for name, path in EXCEPTIONS if not has(path, (rf"\b{name}\b",))] == []


@pytest.mark.parametrize(("path", "name"), sorted(set(TEST.findall(page(PAGE)))))
def test_every_test_that_is_named_is_there(path: str, name: str) -> None:
    assert re.search(rf"^(?:async )?def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
