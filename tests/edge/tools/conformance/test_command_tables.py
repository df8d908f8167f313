"""The suite tries every command, and every rejection that the protocol's page lists for it."""

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
    "search_timeout": "no search takes long among few messages",
    "conversation_limit": "the limit of a user is larger than the number of conversations of a check",
    "member_limit": "the limit of a group is larger than the number of users of a check",
    "rate_limited": "it does not depend on the command",
}


def documented_codes() -> dict[str, set[str]]:
    """Return the codes in each command's line of errors."""
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
def test_every_rejection_of_the_page_is_tried(case: object) -> None:
    command, codes = case.command, case.codes  # type: ignore[attr-defined]
    assert codes == documented_codes()[command]
