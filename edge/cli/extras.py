"""Detects that the extra `stack` is not installed: without it only the embedded system works."""

from typing import Final

STACK: Final = frozenset({"aiokafka", "bson", "elasticsearch", "faust", "mode", "motor", "pymongo", "redis"})
"""The import packages that `pip install 'caas[stack]'` installs."""
MISSING: Final = "needs the clients of the real servers: pip install 'caas[stack]'"


def is_missing(error: BaseException) -> bool:
    """Return whether an import failed because the extra is not installed."""
    return isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] in STACK
