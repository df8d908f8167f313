"""`caas-compliance` installed from its wheel in an empty virtual environment, against a real `caas up`."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.packages import ROOT
from tests.e2e.processes import run
from tests.e2e.test_client_package import NEEDED, pip
from tests.e2e.up import Up, running

pytestmark = pytest.mark.slow

PROJECT = ROOT / "edge" / "sdk" / "compliance"
WHY = ("--purpose", "a test")
REPORT = """
import asyncio, sys
from caas_compliance import HttpAudit, new_report

async def main(url, token):
    async with HttpAudit(url, token) as audit:
        download = new_report("media:downloaded", ("file", "7a7c"), "success", "personal_data", actor="ann")
        print(await audit.record(download))
        print(await audit.record(download))
        for n in range(150):
            audit.put(new_report("media:scanned", ("file", str(n)), "success", "security"))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    pip("wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(PROJECT))
    (wheel,) = folder.glob("caas_compliance-*.whl")
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    pip("--python", str(venv / "bin" / "python"), "install", "--quiet", str(wheel))
    return venv / "bin" / "python"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("up")) as found:
        yield found


def test_package_requires_only_aiohttp_and_msgspec_and_is_typed(python: Path) -> None:
    code = "import importlib.metadata as m; print(*m.requires('caas-compliance'))"
    words = subprocess.check_output([python, "-I", "-c", code], text=True).split()
    assert {word.partition(">")[0].partition("<")[0] for word in words} == NEEDED
    (packages,) = python.parents[1].glob("lib/python*/site-packages")
    ours = {path.name for path in packages.iterdir() if path.name.startswith("caas")}
    assert {name for name in ours if not name.endswith(".dist-info")} == {"caas_compliance"}
    assert (packages / "caas_compliance" / "py.typed").is_file()
    assert not {"schemas", "core", "edge"} & {path.name for path in packages.iterdir()}


def test_reports_of_another_service_are_read_back_by_an_officer(python: Path, up: Up, tmp_path: Path) -> None:
    script = tmp_path / "report.py"
    script.write_text(REPORT)
    data = ("--data", str(up.data))
    token = json.loads(run("token", "media", "--role", "service", "--json", *data))["token"]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [python, script, up.url, token],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
        env=clean,
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.split()
    assert first == second
    lines = run("audit", "query", *WHY, *data, "--action", "media:downloaded", "--json").splitlines()
    (found,) = (json.loads(line)["record"] for line in lines)
    assert (found["id"], found["actor"]["id"], found["reported_by"]) == (first, "ann", "media")
    assert (found["classification"], found["entity"]["id"]) == ("personal_data", "7a7c")
    lines = run("audit", "query", *WHY, *data, "--action", "media:scanned", "--json", "--limit", "0").splitlines()
    assert [json.loads(line)["record"]["entity"]["id"] for line in lines] == [str(n) for n in reversed(range(150))]
    assert run("verify", "audit", *data) == "audit: equal\n"
