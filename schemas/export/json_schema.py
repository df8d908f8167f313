"""Describes structs as JSON Schema 2020-12 for any language: the output of msgspec without what only Python reads."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def components(types: Iterable[type], prefix: str, *, tagged: bool = True) -> dict[str, Schema]:
    """Return the schema of each struct and of those inside it, by name; references point below `prefix`.

    `tagged` False leaves the tag out: a command's name is in its frame, not in its data.
    """
    _, found = msgspec.json.schema_components(types, ref_template=prefix + "{name}")
    portable = {name: _portable(schema) for name, schema in found.items()}
    return portable if tagged else {name: _without(schema, "type") for name, schema in portable.items()}


def document(kind: type, urn: str, *, tagged: bool = True) -> Schema:
    """Return one struct as a schema document of its own, which contains everything it refers to."""
    found = components([kind], "#/$defs/", tagged=tagged)
    top = found.pop(kind.__name__)
    return {"$schema": DIALECT, "$id": urn, **top, **({"$defs": found} if found else {})}


def inline(kind: Any) -> Schema:
    """Return the schema of a type that is not a struct, such as an annotated string."""
    schema: Schema = _portable(msgspec.json.schema(kind))
    return schema


def record(required: Sequence[str], **properties: Schema) -> Schema:
    """Return the schema of an object with these fields."""
    return {"type": "object", "properties": properties, "required": list(required)}


def _portable(schema: Any) -> Any:
    """Replace `\\Z`, which only Python uses for the end of a string, by `$`."""
    if isinstance(schema, dict):
        return {name: _portable(value) for name, value in schema.items()}
    if isinstance(schema, list):
        return [_portable(value) for value in schema]
    return schema.replace("\\Z", "$") if isinstance(schema, str) else schema


def _without(schema: Schema, name: str) -> Schema:
    kept = {key: value for key, value in schema.get("properties", {}).items() if key != name}
    required = [field for field in schema.get("required", ()) if field != name]
    return {**schema, "properties": kept, "required": required}
