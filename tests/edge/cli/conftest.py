"""Runs `caas` in this process, which is faster."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from core import settings
from edge import cli
from tests.e2e.processes import Process, free_port


@dataclass(frozen=True)
class Said:
    """The exit status and output of one verb."""

    status: int
    out: str
    err: str


Caas = Callable[..., Said]


@pytest.fixture
def caas(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Caas:
    """Return a function that runs one verb without settings from outside, and returns its exit status and output."""

    def run(*arguments: str, **environment: str) -> Said:
        capsys.readouterr()
        with monkeypatch.context() as here:
            for name in settings.NAMES:
                here.delenv(name, raising=False)
            for name, value in environment.items():
                here.setenv(name, value)
            try:
                status = cli.main(list(arguments))
            except SystemExit as ended:  # argparse
                status = int(ended.code or 0)
        said = capsys.readouterr()
        return Said(status, said.out, said.err)

    return run


@pytest.fixture
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a gateway in a separate process; yield its address."""
    directory = tmp_path_factory.mktemp("gateway")
    port = free_port()
    environment = {"CAAS_DATA": str(directory)}
    arguments = ("serve", "gateway", "--port", str(port))
    process = Process("gateway", arguments, directory / "log", f"http://127.0.0.1:{port}/readyz", environment).start()
    try:
        process.wait_ready()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.stop()
