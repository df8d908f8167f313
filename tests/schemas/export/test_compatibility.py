"""Changes of events that break readers of old records are reported; harmless ones are not."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from schemas.export.compatibility import breaks
from schemas.export.files import broken, event_schemas
from schemas.export.json_schema import Schema

TEXT: Schema = {"type": "string"}
OLD: Schema = {
    "type": "object",
    "properties": {
        "who": {"type": "string", "minLength": 1, "maxLength": 10, "pattern": "^a"},
        "count": {"type": "integer", "minimum": 0, "maximum": 9},
        "kind": {"enum": ["direct", "group"]},
        "note": {"anyOf": [TEXT, {"type": "null"}], "default": None},
        "roles": {"type": "object", "additionalProperties": {"enum": ["owner", "member"]}},
        "users": {"type": "array", "items": TEXT, "minItems": 1},
        "place": {"$ref": "#/$defs/Place"},
    },
    "required": ["who", "count", "kind", "roles", "users", "place"],
    "$defs": {"Place": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}},
}

Change = Callable[[dict[str, Any], Schema], object]
BREAKING: dict[str, tuple[Change, str]] = {
    "a field removed": (lambda of, _: of.pop("who"), "e.who: removed or renamed"),
    "a field renamed": (lambda of, _: of.update(whom=of.pop("who")), "e.who: removed or renamed"),
    "a new required field": (lambda of, all_: all_["required"].append("why"), "e.why: now required"),
    "an optional field required": (lambda of, all_: all_["required"].append("note"), "e.note: now required"),
    "another type": (lambda of, _: of.update(count=TEXT), "e.count: no longer takes integer"),
    "an enum's value gone": (lambda of, _: of.update(kind={"enum": ["group"]}), "e.kind: no longer takes 'direct'"),
    "a constant for an enum": (lambda of, _: of.update(kind={"const": "group"}), "e.kind: no longer takes 'direct'"),
    "an enum for a text": (
        lambda of, _: of.update(who={"enum": ["ann"]}),
        "e.who: now takes nothing but ['ann']",
    ),
    "a higher minimum": (lambda of, _: of["count"].update(minimum=1), "e.count: minimum is now 1"),
    "a lower maximum": (lambda of, _: of["count"].update(maximum=8), "e.count: maximum is now 8"),
    "a longer shortest": (lambda of, _: of["who"].update(minLength=2), "e.who: minLength is now 2"),
    "a shorter longest": (lambda of, _: of["who"].update(maxLength=9), "e.who: maxLength is now 9"),
    "another pattern": (lambda of, _: of["who"].update(pattern="^b"), "e.who: pattern is now ^b"),
    "null no more": (lambda of, _: of.update(note={**TEXT, "default": None}), "e.note: no longer takes null"),
    "another default": (
        lambda of, _: of["note"].update(default="none"),
        "e.note: what leaving it out means has changed",
    ),
    "a default gone": (lambda of, _: of["note"].pop("default"), "e.note: what leaving it out means has changed"),
    "values of a map": (
        lambda of, _: of["roles"].update(additionalProperties={"enum": ["member"]}),
        "e.roles{}: no longer takes 'owner'",
    ),
    "a map closed": (lambda of, _: of["roles"].update(additionalProperties=False), "e.roles{}"),
    "keys of a map": (
        lambda of, _: of["roles"].update(propertyNames={"pattern": "^a"}),
        "e.roles{keys}: pattern is now ^a",
    ),
    "items of a list": (
        lambda of, _: of["users"].update(items={"type": "integer"}),
        "e.users[]: no longer takes string",
    ),
    "a longer shortest list": (lambda of, _: of["users"].update(minItems=2), "e.users: minItems is now 2"),
    "a field of what is inside": (
        lambda of, all_: all_["$defs"]["Place"]["properties"].pop("x"),
        "e.place.x: removed or renamed",
    ),
}
HARMLESS: dict[str, Change] = {
    "nothing": lambda of, _: None,
    "a new optional field": lambda of, _: of.update(more={**TEXT, "default": ""}),
    "a required field optional": lambda of, all_: all_["required"].remove("kind"),
    "one more value of an enum": lambda of, _: of["kind"]["enum"].append("channel"),
    "a text for an enum": lambda of, _: of.update(kind=TEXT),
    "wider bounds": lambda of, _: of["count"].update(minimum=-1, maximum=10),
    "no bounds": lambda of, _: of.update(who=TEXT),
    "null as well": lambda of, _: of.update(who={"anyOf": [of["who"], {"type": "null"}]}),
    "any number": lambda of, _: of.update(count={"type": "number"}),
    "another title": lambda of, all_: all_.update(title="Other", description="in other words"),
}


def after(change: Change) -> Schema:
    new = copy.deepcopy(OLD)
    change(new["properties"], new)
    return new


@pytest.mark.parametrize(("change", "expected"), BREAKING.values(), ids=BREAKING.keys())
def test_a_breaking_change_is_reported(change: Change, expected: str) -> None:
    (only,) = breaks({"e": OLD}, {"e": after(change)})
    assert only.startswith(expected)


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS.keys())
def test_a_harmless_change_is_not_reported(change: Change) -> None:
    assert list(breaks({"e": OLD}, {"e": after(change)})) == []


def test_every_breaking_change_is_reported_not_only_the_first() -> None:
    new = after(lambda of, _: (of.pop("who"), of.pop("users")))
    assert len(breaks({"e": OLD, "f": OLD}, {"e": new, "f": new})) == 4


def test_a_removed_type_breaks_unless_a_step_converts_it() -> None:
    assert list(breaks({"e": OLD}, {})) == ["e: removed"]
    assert list(breaks({"e": OLD}, {}, upcast=["e"])) == []


def test_a_new_type_breaks_nothing() -> None:
    assert list(breaks({}, {"e": OLD})) == []


def test_the_current_events_decode_all_records_of_the_last_release() -> None:
    assert list(broken()) == []


def test_a_change_of_a_real_event_is_found() -> None:
    now = event_schemas()
    sent = now["caas.message.sent.v1"]
    del sent["properties"]["text"]
    found = breaks(event_schemas(), now)
    assert list(found) == ["caas.message.sent.v1.text: removed or renamed"]
