"""Compares a folder of generated files with what they should be, and updates it."""

from collections.abc import Mapping
from pathlib import Path


def drift(root: Path, texts: Mapping[str, str], pattern: str) -> list[str]:
    """Return the files below `root` that match the pattern and differ from `texts`, by their paths below it: missing,
    different, or left over.
    """
    existing = {str(path.relative_to(root)): path.read_text(encoding="utf-8") for path in root.rglob(pattern)}
    return sorted(path for path in texts.keys() | existing.keys() if texts.get(path) != existing.get(path))


def write(root: Path, texts: Mapping[str, str], pattern: str) -> list[str]:
    """Update the files below `root` to `texts`; return those that changed."""
    changed = drift(root, texts, pattern)
    for path in changed:
        if path in texts:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(texts[path], encoding="utf-8")
        else:
            (root / path).unlink()
    return changed
