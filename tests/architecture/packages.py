"""The packages of this distribution, and the syntax trees of their files."""

import ast
from collections.abc import Iterator
from pathlib import Path

import schemas

NAMES = ("core", "deploy", "edge", "projections", "schemas", "streams")
ROOT = Path(schemas.__file__).parent.parent


def files() -> Iterator[Path]:
    """Every Python file of ours."""
    for name in NAMES:
        yield from sorted((ROOT / name).rglob("*.py"))


def named(path: Path) -> str:
    """The file as people call it."""
    return str(path.relative_to(ROOT))


def trees() -> Iterator[tuple[str, ast.Module]]:
    """Every file of ours with its syntax tree."""
    for path in files():
        yield named(path), ast.parse(path.read_text(encoding="utf-8"))
