"""Equal values have equal bytes, those of RFC 8785; what has no exact form is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.audit.canonical import MAX_INTEGER, canonical

WEIRD = {
    "\u20ac": "Euro Sign",
    "\r": "Carriage Return",
    "\ufb33": "Hebrew Letter Dalet With Dagesh",
    "1": "One",
    "\U0001f600": "Emoji: Grinning Face",
    "\u0080": "Control",
    "\u00f6": "Latin Small Letter O With Diaeresis",
}
"""RFC 8785, section 3.2.3: the names whose order it gives."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def shuffled(value: Any) -> Any:
    """The same value, its names in the opposite order."""
    if isinstance(value, dict):
        return {name: shuffled(value[name]) for name in reversed(value)}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


def test_names_are_in_the_order_of_the_rfc() -> None:
    found = json.loads(canonical(WEIRD), object_pairs_hook=lambda pairs: [value for _, value in pairs])
    assert found == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]


def test_sample_of_the_rfc_without_its_numbers_has_its_bytes() -> None:
    value = {"string": '\u20ac$\u000f\nA\'B"\\\\"/', "literals": [None, True, False]}
    text = '{"literals":[null,true,false],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    assert canonical(value) == text.encode()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("\x00\x07\b\t\n\x0b\f\r\x1f\x7f", '"\\u0000\\u0007\\b\\t\\n\\u000b\\f\\r\\u001f\x7f"'),
        ("\u2028</script>", '"\u2028</script>"'),
        ({"b": [], "a": {}}, '{"a":{},"b":[]}'),
        ({"peach": 1, "p\u00e9ch\u00e9": 2, "p\u00eache": 3, "sin": 4}, '{"peach":1,"péché":2,"pêche":3,"sin":4}'),
        ([0, -1, MAX_INTEGER], "[0,-1,9007199254740991]"),
        ("A\u030a", '"A\u030a"'),
    ],
)
def test_value_has_the_bytes_of_the_rfc(value: object, text: str) -> None:
    assert canonical(value) == text.encode()


@pytest.mark.parametrize(
    "value",
    [1.0, float("nan"), MAX_INTEGER + 1, -MAX_INTEGER - 1, "\ud800", {"\udc00": 1}, {1: "a"}, b"", (1,), {"a": [0.5]}],
)
def test_value_without_exact_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"no canonical form|surrogates not allowed"):
        canonical(value)


@given(JSON)
def test_value_is_read_back_and_the_order_of_names_does_not_count(value: Any) -> None:
    assert json.loads(canonical(value)) == value
    assert canonical(shuffled(value)) == canonical(value)
