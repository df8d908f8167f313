"""Finds changes of events that break readers: records are kept permanently, so code must read all released ones.

A schema is compared with the one last released: the new one must allow everything that the old one allows, and no
field may change its name or the meaning of its absence.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from schemas.export.json_schema import Schema

_LOWEST: Final = ("minimum", "minLength", "minItems")
_HIGHEST: Final = ("maximum", "maxLength", "maxItems")
_ABSENT: Final = object()


def breaks(released: Mapping[str, Schema], now: Mapping[str, Schema], upcast: Collection[str] = ()) -> Sequence[str]:
    """Return one sentence per change that breaks readers of old records.

    Both map event types to schema documents; types in `upcast` are old versions that a step converts, so they may be
    missing.
    """
    found: list[str] = []
    for name, old in released.items():
        if name in now:
            found += _Comparison(old, now[name]).of(name, old, now[name])
        elif name not in upcast:
            found.append(f"{name}: removed")
    return found


class _Comparison:
    """Compares two documents, each with its references inside itself."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old = old
        self._new = new

    def of(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        """Yield what `old` allows and `new` does not."""
        new_choices = [_resolved(choice, self._new) for choice in _choices(_resolved(new, self._new))]
        for choice in _choices(_resolved(old, self._old)):
            known = _resolved(choice, self._old)
            problems = [list(self._one(where, known, other)) for other in new_choices]
            if all(problems):
                alike = [
                    some for some, other in zip(problems, new_choices, strict=True) if _kinds(known) & _kinds(other)
                ]
                yield from min(alike or [[f"{where}: no longer takes {_kinds_text(known)}"]], key=len)

    def _one(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        if lost := _kinds(old) - _kinds(new):
            yield f"{where}: no longer takes {' or '.join(sorted(lost))}"
            return
        yield from _values(where, old, new)
        yield from _bounds(where, old, new)
        yield from self._fields(where, old, new)
        yield from self._inside(where, old, new)

    def _fields(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name, schema in before.items():
            field = f"{where}.{name}"
            if name not in after:
                yield f"{field}: removed or renamed"
                continue
            yield from self.of(field, schema, after[name])
            if schema.get("default", _ABSENT) != after[name].get("default", _ABSENT) and name not in _required(old):
                yield f"{field}: what leaving it out means has changed"
        for name in sorted(_required(new) - _required(old)):
            yield f"{where}.{name}: now required"

    def _inside(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        """Compare the values and keys of a map, and the items of a list."""
        for name, label in (("additionalProperties", "{}"), ("propertyNames", "{keys}"), ("items", "[]")):
            if name in new and new[name] is not True:
                inner = new[name] if isinstance(new[name], dict) else {"enum": []}
                known = old.get(name, {})
                if known is not False:
                    yield from self.of(f"{where}{label}", known if isinstance(known, dict) else {}, inner)


def _required(schema: Schema) -> set[str]:
    return set(schema.get("required", ()))


def _choices(schema: Schema) -> Sequence[Schema]:
    choices: Sequence[Schema] = schema.get("anyOf", [schema])
    return choices


def _resolved(schema: Schema, document: Schema) -> Schema:
    name = schema.get("$ref", "").removeprefix("#/$defs/")
    return document["$defs"][name] if name else schema


_EVERY: Final = frozenset({"string", "integer", "number", "boolean", "null", "object", "array"})
_KIND_OF: Final = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def _kinds(schema: Schema) -> frozenset[str]:
    """Return the JSON types that a schema allows; a number may be an integer."""
    if "enum" in schema or "const" in schema:
        return frozenset(_KIND_OF[type(value)] for value in _enum(schema) or ())
    kind = schema.get("type")
    if kind is None:
        return _EVERY
    kinds = frozenset([kind] if isinstance(kind, str) else kind)
    return kinds | {"integer"} if "number" in kinds else kinds


def _enum(schema: Schema) -> list[Any] | None:
    """Return the only values that a schema allows; None if it has no such list."""
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _values(where: str, old: Schema, new: Schema) -> Iterator[str]:
    allowed = _enum(new)
    if allowed is None:
        return
    before = _enum(old)
    if before is None:
        yield f"{where}: now takes nothing but {allowed}"
    elif lost := [value for value in before if value not in allowed]:
        yield f"{where}: no longer takes {', '.join(map(repr, lost))}"


def _bounds(where: str, old: Schema, new: Schema) -> Iterator[str]:
    for bound in _LOWEST:
        if bound in new and new[bound] > old.get(bound, float("-inf")):
            yield f"{where}: {bound} is now {new[bound]}"
    for bound in _HIGHEST:
        if bound in new and new[bound] < old.get(bound, float("inf")):
            yield f"{where}: {bound} is now {new[bound]}"
    if "pattern" in new and new["pattern"] != old.get("pattern"):
        yield f"{where}: pattern is now {new['pattern']}"


def _kinds_text(schema: Schema) -> str:
    return " or ".join(sorted(_kinds(schema)))
