"""`CAAS_TEST_SERVERS` chooses how tests get real servers: `local` starts them as processes, `containers` in Docker.

Nothing is skipped: a value that is neither, a package that is not installed, and a Docker that does not answer end the
run with one line. Tests that stop servers (marks `kills` and `local`) need `local`; with `containers` they are
deselected, and a line says how many.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, Protocol, cast, get_args

import pytest

from deploy.local.server import StackError
from deploy.local.stack import Stack

VARIABLE: Final = "CAAS_TEST_SERVERS"
Choice = Literal["local", "containers"]


class Servers(Protocol):
    """Real servers in a directory, for CAAS to use."""

    def up(self) -> None:
        """Start all servers, and wait until each answers. Raises StackError."""

    def env(self) -> dict[str, str]:
        """Return the settings that point CAAS at them, and the secrets of its processes."""

    def clean(self) -> object:
        """Stop all servers, and remove their data and their secrets."""


def chosen(environment: Mapping[str, str]) -> Choice:
    """Return the choice. Raises StackError for an invalid value."""
    given = environment.get(VARIABLE) or "local"
    if given not in get_args(Choice):
        raise StackError(f"{VARIABLE}={given}: it is one of {', '.join(get_args(Choice))}")
    return cast("Choice", given)


def servers_in(directory: Path, shift: int, environment: Mapping[str, str] = os.environ) -> Servers:
    """Return all servers, not started; `shift` moves every port."""
    if chosen(environment) == "local":
        return Stack(directory, shift=shift)
    from tests.stack.containers import Containers

    return Containers(directory, shift)


def require_docker() -> None:
    """Raises StackError where the package is not installed or Docker does not answer."""
    try:
        from tests.stack import containers
    except ModuleNotFoundError as error:
        raise StackError(
            f"{VARIABLE}=containers needs testcontainers, which is not installed ({error.name}): "
            "`.venv/bin/python -m pip install --group containers`"
        ) from error
    containers.ask_docker()


def deselect_what_needs_local(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the items that can run on the chosen servers. Raises `pytest.UsageError`."""
    on_servers = [item for item in items if _marked(item, "stack")]
    try:
        if not on_servers or chosen(os.environ) == "local":
            return
        refused = {item for item in on_servers if _marked(item, "kills") or _marked(item, "local")}
        _deselect(config, items, refused)
        if len(refused) < len(on_servers):
            require_docker()
    except StackError as error:
        raise pytest.UsageError(str(error)) from error


def _deselect(config: pytest.Config, items: list[pytest.Item], refused: set[pytest.Item]) -> None:
    items[:] = [item for item in items if item not in refused]
    config.hook.pytest_deselected(items=list(refused))
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if refused and reporter is not None:
        reporter.write_line(f"{VARIABLE}=containers: deselected, since they take servers away: {len(refused)}")


def _marked(item: pytest.Item, mark: str) -> bool:
    return item.get_closest_marker(mark) is not None
