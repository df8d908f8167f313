"""The Python clients' generated modules match `schemas`."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.export import python_client


@pytest.fixture
def client(tmp_path: Path) -> Path:
    return Path(shutil.copytree(python_client.CLIENT, tmp_path / "caas_client"))


@pytest.mark.parametrize("client", python_client.CLIENTS, ids=lambda client: client.name)
def test_the_generated_modules_match_schemas(client: Path) -> None:
    assert python_client.drift(client) == [], "run: python -m schemas.export"


def test_a_changed_a_missing_and_a_left_over_module_are_found_and_corrected(client: Path) -> None:
    language = client / "language"
    (language / "bounds.py").write_text("FRAME_BYTES = 1\n")
    (language / "wire" / "errors.py").unlink()
    (language / "gone.py").touch()
    assert python_client.drift(client) == ["language/bounds.py", "language/gone.py", "language/wire/errors.py"]
    assert python_client.write(client) == ["language/bounds.py", "language/gone.py", "language/wire/errors.py"]
    assert python_client.drift(client) == []


@pytest.mark.parametrize("client", python_client.CLIENTS, ids=lambda client: client.name)
def test_the_client_imports_nothing_of_the_server(client: Path) -> None:
    ours = "('core', 'edge', 'schemas')"
    code = f"import sys, {client.name}; print(*(n for n in sys.modules if n.split('.')[0] in {ours}))"
    printed = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=client.parent)
    assert printed.strip() == ""
