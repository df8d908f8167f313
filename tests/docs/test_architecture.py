"""The walks of docs/architecture.md lead through functions that are there, each file entered once."""

import importlib
import re

import pytest

from tests.docs.pages import page

WALKS = ("The walk: from the frame to the log", "The walk: from the log to the recipient")
MOST = 12
PATH = re.compile(r"`([\w/]+\.py)`")
NAMED = re.compile(
    r"^\d+\. (?P<paths>(?:`[\w/]+\.py`(?: or )?)+)(?::| reads| decodes| brings| folds)(?: `(?P<name>[\w.]+)`)?"
)


def steps(walk: str) -> list[str]:
    """The numbered steps of a walk."""
    section = page("architecture.md").partition(f"## {walk}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\d+\. .+$", section, re.MULTILINE)


def files_of(step: str) -> list[str]:
    """The files that a step enters: alternatives, such as two adapters, are one step."""
    found = NAMED.match(step)
    assert found is not None, f"a step begins with its file: {step}"
    return PATH.findall(found["paths"])


@pytest.mark.parametrize("walk", WALKS)
def test_a_walk_enters_few_files_and_each_once(walk: str) -> None:
    entered = [files_of(step) for step in steps(walk)]
    assert 8 <= len(entered) <= MOST
    flat = [path for paths in entered for path in paths]
    assert len(flat) == len(set(flat))


@pytest.mark.parametrize("step", [step for walk in WALKS for step in steps(walk)])
def test_what_a_step_names_is_in_its_file(step: str) -> None:
    found = NAMED.match(step)
    assert found is not None
    modules = [importlib.import_module(path.removesuffix(".py").replace("/", ".")) for path in files_of(step)]
    if found["name"] is None:
        return
    for module in modules:
        target: object = module
        for part in found["name"].split("."):
            owners = [one for one in vars(module).values() if isinstance(one, type)]
            owner = next((one for one in owners if hasattr(one, part)), None) if target is module else None
            target = getattr(target, part, None) or getattr(owner, part, None)
        assert target is not None, f"{module.__name__} has no {found['name']}"
