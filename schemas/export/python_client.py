"""Generates the modules of `schemas` that a Python client needs into the client, so that it imports nothing of ours.

These are the modules that the client's own modules import, and those that they import; only imports are changed.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from schemas.export import generated

ROOT: Final = Path(__file__).parents[2]
CLIENT: Final = ROOT / "edge" / "sdk" / "python" / "caas_client"
COMPLIANCE: Final = ROOT / "edge" / "sdk" / "compliance" / "caas_compliance"
CLIENTS: Final = (CLIENT, COMPLIANCE)
LANGUAGE: Final = "language"
"""The package of the generated modules in the client."""
NOTE: Final = "# Generated from {source} by `python -m schemas.export`: do not edit.\n"
_IMPORT: Final = re.compile(r"^(\s*)from schemas((?:\.\w+)*) import ", re.MULTILINE)


def texts(client: Path = CLIENT) -> dict[str, str]:
    """Return every generated module: its path below the client's `language` folder, and its source."""
    return {str(path.relative_to("schemas")): _generated(path) for path in sorted(_needed(client))}


def drift(client: Path = CLIENT) -> list[str]:
    """Return the generated modules that do not match the language: missing, different, or left over."""
    return [f"{LANGUAGE}/{path}" for path in generated.drift(client / LANGUAGE, texts(client), "*.py")]


def write(client: Path = CLIENT) -> list[str]:
    """Update the generated modules to the language; return those that changed."""
    return [f"{LANGUAGE}/{path}" for path in generated.write(client / LANGUAGE, texts(client), "*.py")]


def _needed(client: Path) -> set[Path]:
    """Return the modules of `schemas`, relative to the root, that the client imports directly or through others."""
    found: set[Path] = set()
    pending = [name for path in client.glob("*.py") for name in _client_imports(path)]
    while pending:
        path = _path_of(pending.pop())
        if path is None or path in found:
            continue
        found.add(path)
        pending += [*_imports(ROOT / path), *(".".join(path.parts[:depth]) for depth in range(1, len(path.parts)))]
    return found


def _client_imports(path: Path) -> Iterator[str]:
    """Yield the modules of `schemas` that correspond to the client's imports of its `language`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 1 and (node.module or "").split(".")[0] == LANGUAGE:
            module = (node.module or "").replace(LANGUAGE, "schemas", 1)
            yield from (module, *(f"{module}.{alias.name}" for alias in node.names))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "schemas":
            yield from (str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names))


def _path_of(module: str) -> Path | None:
    """Return the file of a module; None if the name is not a module but something in one."""
    path = Path(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((candidate for candidate in candidates if (ROOT / candidate).is_file()), None)


def _generated(path: Path) -> str:
    dots = "." * (len(path.parts) - 1)
    text = _IMPORT.sub(
        lambda found: f"{found[1]}from {dots}{found[2].removeprefix('.')} import ",
        (ROOT / path).read_text(encoding="utf-8"),
    )
    return NOTE.format(source=path) + text
