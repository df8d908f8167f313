"""The suite tries every command, and every no that the protocol's page has for it."""

import re

import pytest

from edge.tools.conformance.command_tables import CASES
from schemas.commands import COMMANDS
from tests.docs.pages import DOCS

CODE = re.compile(r"`([a-z_]+)`")
AS_OF = {"typing:stop": "typing:start"}
OUT_OF_REACH = {
    "unavailable": "no server is down while nodes are tried",
    "not_ready": "no view is behind",
    "search_timeout": "no search takes long where little was said",
    "member_limit": "a group takes more members than a check has",
    "rate_limited": "it is no matter of a command",
}


def told() -> dict[str, set[str]]:
    """The codes of each command's line of errors."""
    page, found = (DOCS / "protocol.md").read_text(), dict[str, set[str]]()
    for part in page.split("\n### ")[1:]:
        name = part.partition("\n")[0]
        lines = [line for line in part.split("\n") if line.startswith("Errors: ")]
        codes = {code for line in lines for code in CODE.findall(re.sub(r"\([^)]*\)", "", line))}
        found[name] = codes - OUT_OF_REACH.keys()
    return {name: found[AS_OF.get(name, name)] for name in COMMANDS}


def test_every_command_is_tried_once() -> None:
    assert [case.command for case in CASES] == list(dict.fromkeys(case.command for case in CASES))
    assert {case.command for case in CASES} == COMMANDS.keys()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.command)
def test_every_no_of_the_page_is_tried(case: object) -> None:
    command, codes = case.command, case.codes  # type: ignore[attr-defined]
    assert codes == told()[command]
