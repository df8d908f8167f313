"""What docs/clients.md says of the clients is what they have."""

import re
from typing import get_args

import pytest

from edge.sdk.python import caas_client
from edge.sdk.python.caas_client import ChatError, Client
from edge.sdk.python.caas_client.events import LANE_EVENTS, NOW_EVENTS, Event
from edge.sdk.python.caas_client.line import PATIENCE_S
from edge.sdk.python.caas_client.pipeline import WAITING
from schemas.commands import ANSWER_OF, COMMANDS
from tests.architecture.packages import ROOT
from tests.docs.pages import examples, page, rows

PAGE = "clients.md"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented_with_its_method_and_its_answer(name: str) -> None:
    method, answer = (cell.strip("`") for cell in rows(PAGE)[name])
    documented = getattr(Client, method).__doc__
    assert method == "send" or method == "forward" or documented == COMMANDS[name].__doc__
    assert answer == ANSWER_OF[COMMANDS[name]].__name__


@pytest.mark.parametrize("event", get_args(Event), ids=lambda event: event.__name__)
def test_every_event_is_documented_with_its_push_and_its_fields(event: type) -> None:
    push, fields = rows(PAGE)[event.__name__]
    pushes = {**LANE_EVENTS, **NOW_EVENTS}
    assert push.strip("`") in {*pushes, "error", "", "any other"}
    assert pushes.get(push.strip("`"), event) is event
    named = re.findall(r"^`(\w+)`|and `(\w+)`", fields)
    assert {name for pair in named for name in pair if name} <= set(event.__struct_fields__)  # type: ignore[attr-defined]


def test_every_exception_of_an_application_is_documented() -> None:
    classes = [one for one in vars(caas_client).values() if isinstance(one, type)]
    exceptions = {one.__name__ for one in classes if issubclass(one, ChatError)} - {"ChatError"}
    assert exceptions
    assert exceptions <= rows(PAGE).keys()


def test_the_numbers_are_todays() -> None:
    assert f"at most {WAITING:,} (`waiting`)" in page(PAGE)
    assert f"for {PATIENCE_S:.0f} seconds (`patience`)" in page(PAGE)


def test_the_python_on_the_page_is_python() -> None:
    for example in examples(PAGE, "python"):
        body = "".join(f"    {line}\n" for line in example.text.splitlines())
        compile(f"async def main(token, app_key, app_secret):\n{body}", PAGE, "exec")


def test_every_example_is_documented() -> None:
    for path in (ROOT / "examples").glob("*.py"):
        assert f"(../examples/{path.name})" in page(PAGE)
