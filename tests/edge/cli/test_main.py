"""Every verb has help with an example, and wrong settings are reported one per line, with status 2."""

import argparse
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from edge import cli
from tests.architecture.packages import ROOT
from tests.edge.cli.conftest import Caas


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parsers of the verbs."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


@pytest.mark.parametrize("parser", [cli.parser(), *parsers(cli.parser())], ids=lambda parser: parser.prog)
def test_every_verb_has_help_with_a_valid_example(parser: argparse.ArgumentParser) -> None:
    help_text = parser.format_help()
    examples = [line for line in help_text.split("example: ")[1:] if line.startswith("caas ")]
    assert examples, help_text
    assert all(line.strip() for line in (parser.description or "").splitlines())
    words = examples[0].split(" | ")[0].split(",")[0] if parser.prog == "caas" else examples[0].split(" | ")[0]
    if parser.prog != "caas stack":
        cli.parser().parse_args(words.split()[1:])


def test_unknown_verb_and_missing_arguments_are_usage_errors(caas: Caas) -> None:
    for arguments in (("dance",), ("token",), ("up", "--port", "x")):
        said = caas(*arguments)
        assert (said.status, "usage: caas" in said.err) == (2, True)


@pytest.mark.parametrize("port", ["-1", "65536", "٣", "1.5", ""])
@pytest.mark.parametrize(
    "verb", [("up", "--port"), ("serve", "socket", "--port"), ("worker", "messages", "--health-port")]
)
def test_invalid_port_is_a_usage_error(caas: Caas, verb: tuple[str, ...], port: str) -> None:
    said = caas(*verb, port)
    assert (said.status, said.err.splitlines()[-1].endswith(f"is a number from 0 to 65535, and {port!r} is none")) == (
        2,
        True,
    )


def test_caas_without_arguments_prints_help_with_every_verb(caas: Caas) -> None:
    said, asked = caas(), caas("--help")
    assert (said.status, said.out, asked.status, asked.err) == (2, "", 0, "")
    assert said.err == asked.out
    assert all(re.search(rf"^    {verb}\b", said.err, re.MULTILINE) for verb in cli.VERBS)


def test_version_is_that_of_the_distribution(caas: Caas) -> None:
    said = caas("--version")
    assert (said.status, said.out) == (0, f"caas {version('caas')}\n")
    assert version("caas") == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


@pytest.mark.parametrize(
    "verb", [("up",), ("token", "ann"), ("serve", "gateway"), ("worker",), ("verify",), ("play", "x")]
)
def test_wrong_settings_are_reported_one_per_line(caas: Caas, verb: tuple[str, ...]) -> None:
    said = caas(*verb, CAAS_PORT="abc", CAAS_FOO="1")
    assert (said.status, said.out) == (2, "")
    assert said.err.splitlines() == [
        f"caas {verb[0]}: CAAS_FOO: there is no such setting",
        "CAAS_PORT='abc': Expected `int`, got `str`",
    ]


def test_short_secret_is_a_wrong_setting(caas: Caas) -> None:
    for verb in (("up", "--port", "0"), ("token", "ann"), ("serve", "gateway")):
        said = caas(*verb, CAAS_TOKEN_SECRET="short", CAAS_APP_KEY="k", CAAS_APP_SECRET="s")
        assert (said.status, said.err) == (2, f"caas {verb[0]}: CAAS_TOKEN_SECRET: it needs at least 32 bytes\n")


SECRETS = ("CAAS_APP_KEY", "CAAS_APP_SECRET", "CAAS_TOKEN_SECRET")


@pytest.mark.parametrize(
    ("verb", "needs"),
    [
        (("token", "ann"), SECRETS[2:]),
        (("serve", "gateway"), SECRETS),
        (("serve", "socket"), SECRETS[2:]),
        (("play", "{file}", "--url", "http://127.0.0.1:1"), SECRETS[:2]),
        (("play", "{file}"), SECRETS[:2]),
    ],
)
def test_verbs_on_the_stack_require_the_secrets_they_need(
    caas: Caas, tmp_path: Path, verb: tuple[str, ...], needs: tuple[str, ...]
) -> None:
    file = tmp_path / "empty.jsonl"
    file.touch()
    said = caas(*(word.format(file=file) for word in verb), CAAS_ADAPTERS="stack", CAAS_DATA=str(tmp_path / "data"))
    assert (said.status, said.out) == (2, "")
    asked = said.err.removeprefix(f"caas {verb[0]}: ").splitlines()
    assert [line.partition(": ")[0] for line in asked] == list(needs)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("verb", [("serve", "socket"), ("worker",)])
def test_verbs_of_the_stack_are_refused_embedded(caas: Caas, verb: tuple[str, ...]) -> None:
    said = caas(*verb)
    assert (said.status, "start it with `caas up`" in said.err) == (2, True)
