"""Every setting, command and health path is documented for operators, with its default."""

import argparse
from typing import get_args

import msgspec
import pytest

from core import settings
from core.settings import PREFIX, Settings
from edge import cli
from edge.composition import compose
from tests.docs.pages import page, rows

PAGE = "operations.md"
FIELDS = {PREFIX + field.name.upper(): field for field in msgspec.structs.fields(Settings)}


def verbs() -> dict[str, argparse.ArgumentParser]:
    """The commands of `caas`."""
    parser = cli.parser()
    actions = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(actions[0].choices)


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_is_documented_with_its_default_and_meaning(name: str) -> None:
    default, meaning = rows(PAGE)[name]
    assert default == (f"`{FIELDS[name].default}`" if FIELDS[name].default != "" else "empty")
    assert meaning
    if get_args(FIELDS[name].type) and all(isinstance(choice, str) for choice in get_args(FIELDS[name].type)):
        assert all(f"`{choice}`" in meaning for choice in get_args(FIELDS[name].type))


@pytest.mark.parametrize("name", sorted(settings.OTHERS))
def test_every_other_variable_is_documented(name: str) -> None:
    assert rows(PAGE)[name][0]


def test_every_documented_variable_exists() -> None:
    documented = {name for name in rows(PAGE) if name.startswith(PREFIX)}
    assert documented == FIELDS.keys() | settings.OTHERS


def test_every_command_is_documented_with_its_options() -> None:
    documented = {name.split()[1]: cells[0] for name, cells in rows(PAGE).items() if name.startswith("caas ")}
    assert documented.keys() == verbs().keys()
    for verb, parser in verbs().items():
        options = {option for action in parser._actions for option in action.option_strings if option.startswith("--")}
        missing = {option for option in options - {"--help"} if option not in documented[verb]}
        assert not missing, f"caas {verb}: {missing}"


@pytest.mark.parametrize("name", compose.PROCESSORS)
def test_every_processor_is_named(name: str) -> None:
    assert f"`{name}`" in page(PAGE)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/health", "/metrics"])
def test_every_health_path_is_documented(path: str) -> None:
    assert rows(PAGE)[path][0]
