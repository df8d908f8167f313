"""Lists the packages of this distribution, and the syntax trees of their files."""

import ast
from collections.abc import Iterator
from pathlib import Path

import schemas

NAMES = ("core", "deploy", "edge", "projections", "schemas", "streams")
ROOT = Path(schemas.__file__).parent.parent


def files() -> Iterator[Path]:
    """Yield every Python file of ours."""
    for name in NAMES:
        yield from sorted((ROOT / name).rglob("*.py"))


def named(path: Path) -> str:
    """Return the file's path from the root."""
    return str(path.relative_to(ROOT))


def trees() -> Iterator[tuple[str, ast.Module]]:
    """Yield every file of ours with its syntax tree."""
    for path in files():
        yield named(path), ast.parse(path.read_text(encoding="utf-8"))
