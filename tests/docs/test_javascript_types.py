"""The declarations of the JavaScript client name what the generated documents have, by name and by type."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from edge.gateway.client_files import FILES
from tests.architecture.packages import ROOT

Schema = dict[str, Any]
Texts = Mapping[str, str]

GENERATED = ROOT / "schemas" / "generated"
SOCKET: Schema = json.loads((GENERATED / "asyncapi-socket.json").read_text(encoding="utf-8"))
GATEWAY: Schema = json.loads((GENERATED / "openapi.json").read_text(encoding="utf-8"))
DECLARED: Texts = {path.name: path.read_text(encoding="utf-8") for path in (FILES / "types").glob("*.d.ts")}
MESSAGES: Mapping[str, Schema] = SOCKET["components"]["messages"]
NAMES = {message["name"] for message in MESSAGES.values()}
CODES = {error["code"] for error in SOCKET["x-error-codes"]}
CLOSES = {close["name"]: close["code"] for close in SOCKET["x-close-codes"]}
LANES = {
    fields["lane"]["const"]: message["name"]
    for message in MESSAGES.values()
    if "lane" in (fields := message["payload"]["properties"])
}
OUTSIDE = {"crypto.randomUUID", "localStorage", "{}"}
"""What comments name of the platform."""
OWN_EVENTS = {"pending", "failed", "online", "offline"}
"""Events of the client itself; docs/clients.md has them (`tests/docs/test_javascript_client.py`)."""
CONSTANTS = {"RATE_LIMITED": str(CLOSES["rate_limited"]), "CLOSED_BY_US": str(CLOSES["normal"])}
WHOLE = {
    ("errors.d.ts", "type Problem ="): SOCKET["components"]["schemas"]["Problem"],
    ("caas.d.ts", "Record<string, any>): Promise<"): SOCKET["components"]["schemas"]["MessageAccepted"],
}
"""Object types that have every field of a schema."""
PARTS = {
    ("access.d.ts", "type Granted ="): GATEWAY["components"]["schemas"]["TokenAnswer"],
    ("stored_commands.d.ts", "type KeptCommand ="): MESSAGES["message-send"]["payload"],
}
"""Object types that have some."""
SNAKE = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b(?!\.js)")
QUOTED = re.compile(r'[`"]([^`"\n]+)[`"]')
IDENTIFIER = re.compile(r"\b(\w+)\??(?=[:(]| =)|\b(?:get|set|class|type|const) (\w+)")
CONSTANT = re.compile(r"export const (\w+): (\d+);")
LANE = re.compile(r'^    (\w+): "(\w+:\w+)";', re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
ARRAY = re.compile(r"\{[^{}]*\}\[\]|\w+\[\]")
ANY_OBJECT = "Record<string, any>"
TYPES = {"integer": "number"}
"""What a type of JSON Schema is called in TypeScript, where the names differ."""


def fields_of(schema: Any) -> Iterator[str]:
    """Yield the names of all fields in a schema, at any depth."""
    if isinstance(schema, dict):
        properties = schema.get("properties")
        yield from properties if isinstance(properties, dict) else ()
        for part in schema.values():
            yield from fields_of(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from fields_of(part)


KNOWN = {*fields_of(SOCKET), *fields_of(GATEWAY), *NAMES, *CODES, *LANES, *OWN_EVENTS}


def types_of(schema: Schema) -> set[str]:
    """Return the types of TypeScript that a field has."""
    kinds = ["object" if "$ref" in one else one.get("type", "string") for one in schema.get("anyOf", [schema])]
    return {TYPES.get(kind, kind) for kind in kinds}


def declared_types(text: str, opening: str) -> dict[str, set[str]]:
    """Return the fields of the object type that follows `opening`, each with its types."""
    code = COMMENT.sub("", text)
    flat = ARRAY.sub("array", code[code.index("{", code.index(opening)) + 1 :]).replace(ANY_OBJECT, "object")
    pairs = re.findall(r"(\w+)\??: ([^;]+);", flat[: flat.index("}")])
    return {name: {kind.strip() for kind in kinds.split("|")} - {"undefined"} for name, kinds in pairs}


def mistakes(texts: Texts) -> list[str]:
    """Return what these declarations say of the protocol that is not so."""
    declared = {name for text in texts.values() for pair in IDENTIFIER.findall(COMMENT.sub("", text)) for name in pair}
    found = []
    for file, text in texts.items():
        found += [f"{file}: {word}" for word in SNAKE.findall(text) if word not in KNOWN]
        found += [f"{file}: {word}" for word in QUOTED.findall(text) if not is_known(word, KNOWN | declared)]
        found += [f"{file}: {name}" for name, code in CONSTANT.findall(text) if CONSTANTS.get(name, code) != code]
    if (lanes := dict(LANE.findall(texts["lanes.d.ts"]))) != LANES:
        found.append(f"lanes.d.ts: {lanes}")
    return [*found, *(f"{file}: {opening}" for file, opening in WHOLE | PARTS if not is_shaped(texts, file, opening))]


def is_known(quoted: str, names: set[str]) -> bool:
    """Return whether each part of what a comment or a type quotes is one of these names."""
    return quoted.startswith("./") or quoted in OUTSIDE or set(quoted.removesuffix("()").split(".")) <= names


def is_shaped(texts: Texts, file: str, opening: str) -> bool:
    """Return whether the fields of an object type are those of its schema, or some of them."""
    declared = declared_types(texts[file], opening)
    if (file, opening) in WHOLE:
        return declared == {name: types_of(field) for name, field in WHOLE[file, opening]["properties"].items()}
    fields = PARTS[file, opening]["properties"]
    return declared != {} and all(
        name in fields and kinds <= types_of(fields[name]) for name, kinds in declared.items()
    )


def test_declarations_name_what_the_protocol_has() -> None:
    assert mistakes(DECLARED) == []


@pytest.mark.parametrize(
    ("file", "said", "instead"),
    [
        ("lanes.d.ts", '"message:edited"', '"message:changed"'),
        ("lanes.d.ts", "    reaction:", "    reactions:"),
        ("caas.d.ts", "`message:send`", "`message:sent`"),
        ("caas.d.ts", "`wait_for`", "`waits_for`"),
        ("caas.d.ts", "`mentions`", "`mentioned`"),
        ("caas.d.ts", "        level: string;", "        stage: string;"),
        ("caas.d.ts", "        message_id: string;", "        message_id: number;"),
        ("sending.d.ts", "`outcome_unknown`", "`outcome_unclear`"),
        ("json_cleaning.d.ts", "`validation_failed`", "`invalid`"),
        ("errors.d.ts", "    retry_after_ms?: number | null", "    retry_after_ms?: number"),
        ("errors.d.ts", "    retry?: boolean | undefined;\n", ""),
        ("errors.d.ts", "CLOSED_BY_US: 1000", "CLOSED_BY_US: 1001"),
        ("backoff.d.ts", "RATE_LIMITED: 4429", "RATE_LIMITED: 4408"),
        ("access.d.ts", "    socket_urls: string[];", "    socket_url: string[];"),
        (
            "stored_commands.d.ts",
            "    data: Record<string, any>;\n    correlation_id: string;",
            "    correlation: string;",
        ),
    ],
)
def test_a_mistake_is_found(file: str, said: str, instead: str) -> None:
    assert said in DECLARED[file]
    assert mistakes({**DECLARED, file: DECLARED[file].replace(said, instead)}) != []
