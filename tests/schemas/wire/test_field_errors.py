"""A wrong value is described by a pointer and a code, however deep it is."""

from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from schemas.bounds import Time, Uuid
from schemas.wire.field_errors import CODES, locate_validation_error, validation_failed


class Inner(msgspec.Struct):
    name: Annotated[str, Meta(min_length=2, pattern="^a")]
    kind: str = ""


class Outer(msgspec.Struct):
    inner: list[Inner]
    by: dict[str, int] = {}


@pytest.mark.parametrize(
    ("value", "pointer", "code"),
    [
        ([], "", "type"),
        ({}, "/inner", "missing"),
        ({"inner": [{"name": "ab"}, {}]}, "/inner/1/name", "missing"),
        ({"inner": [{"name": "a"}]}, "/inner/0/name", "bounds"),
        ({"inner": [{"name": "bb"}]}, "/inner/0/name", "value"),
        ({"inner": [{"name": "ab", "kind": None}]}, "/inner/0/kind", "type"),
        ({"inner": [], "by": {"x": "1"}}, "/by/...", "type"),
    ],
)
def test_a_wrong_value_has_a_pointer_and_a_code(value: Any, pointer: str, code: str) -> None:
    with pytest.raises(msgspec.ValidationError) as wrong:
        msgspec.json.decode(msgspec.json.encode(value), type=Outer)
    assert locate_validation_error(wrong.value, "/data")[:2] == (f"/data{pointer}", code)
    assert code in CODES
    failed = validation_failed(wrong.value)
    assert failed.errors == [{"pointer": pointer, "code": code}]
    assert "$" not in failed.detail


@pytest.mark.parametrize(("kind", "words"), [(Uuid, "a UUID in lower case"), (Time, "2026-11-21T09:30:00.000Z")])
def test_a_pattern_is_described_in_words(kind: Any, words: str) -> None:
    with pytest.raises(msgspec.ValidationError) as wrong:
        msgspec.convert("2026-11-21", type=kind)
    assert words in validation_failed(wrong.value).detail
    assert "regex" not in validation_failed(wrong.value).detail
