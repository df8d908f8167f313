"""Tests mirror their sources: `tests/a/b/test_c.py` tests `a/b/c.py`; exceptions are listed with their reason."""

from pathlib import Path

from tests.architecture.packages import NAMES, ROOT

BEHAVIOUR_OF: dict[str, str] = {
    "tests/deploy": "the launcher has one package, deploy/local",
    "tests/deploy/observability": "configuration of other programs, which has no modules",
    "tests/edge/socket": "one behaviour of a whole node, over memory adapters",
}
"""Folders whose tests need no module of the same name."""
EXCEPTIONS: dict[str, str] = {
    "tests/core/domain/test_forward.py": "forwarding is a rule of message.py that would make test_message.py too long",
    "tests/edge/cli/test_main.py": "the package itself",
    "tests/edge/cli/test_starting.py": "what every verb does when it starts",
    "tests/edge/sdk/python/caas_client/test_first_positions.py": "the positions of several modules together",
    "tests/edge/tools/bench/test_cli.py": "the verb `bench`, whose tests need the fixtures here",
    "tests/projections/stores/test_mongo_refusals.py": "what MongoDB refuses, of several modules",
    "tests/projections/test_many_reactions.py": "a bound that several read models share",
    "tests/schemas/test_commands.py": "the package schemas/commands",
    "tests/schemas/test_events.py": "the package schemas/events",
    "tests/streams/log/test_sqlite_damage.py": "damaged files, of several modules of streams/log/sqlite",
    "tests/streams/processors/test_reactions.py": "reactions are a part of the processor `messages`",
    "tests/streams/test_inbox_kept.py": "an inbox over rebuilds and restarts",
}


def all_tests() -> list[str]:
    """Return every test file in a folder named like one of our packages."""
    found = (path for name in NAMES for path in (ROOT / "tests" / name).rglob("test_*.py"))
    return sorted(str(path.relative_to(ROOT)) for path in found)


def source_of(test: str) -> Path:
    """Return the module that the test at this path is for."""
    path = Path(test).relative_to("tests")
    return ROOT / path.with_name(path.name.removeprefix("test_"))


def test_every_test_mirrors_its_source() -> None:
    misplaced = [test for test in all_tests() if not source_of(test).exists()]
    assert [test for test in misplaced if str(Path(test).parent) not in BEHAVIOUR_OF and test not in EXCEPTIONS] == []


def test_every_exception_is_needed() -> None:
    assert [test for test in EXCEPTIONS if not (ROOT / test).exists() or source_of(test).exists()] == []
    assert [folder for folder in BEHAVIOUR_OF if not list((ROOT / folder).glob("test_*.py"))] == []
