"""Finds every struct in `schemas` by walking its modules."""

import importlib
import pkgutil
from collections.abc import Iterator

import msgspec

import schemas


def structs() -> Iterator[type[msgspec.Struct]]:
    """Yield each struct once, private ones too."""
    for module in pkgutil.walk_packages(schemas.__path__, "schemas."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, msgspec.Struct) and value.__module__ == module.name:
                yield value
