"""RFC 8785, as far as decisions need it; the room and the stand-alone verifier spell alike."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sild.decisions import canonical_json

from .world import load_verifier

verifier = load_verifier()

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


def test_names_in_the_order_of_utf_16() -> None:
    """RFC 8785 3.2.3: a name beyond the basic plane comes before U+FB33, whose code point is smaller."""
    said = {"\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One", "\U0001f600": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis"}  # fmt: skip
    names = list(json.loads(canonical_json(said)))
    assert names == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def test_the_shortest_escapes() -> None:
    """RFC 8785 3.2.2.2"""
    assert (
        canonical_json('\u20ac$\x0f\nA\'B"\\\\"/\x7f\b')
        == '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/\x7f\\b"'.encode()
    )


@given(values)
def test_one_spelling_and_the_same_value(value: object) -> None:
    spelled = canonical_json(value)
    assert json.loads(spelled) == value
    assert canonical_json(json.loads(spelled)) == spelled == verifier.canonical(value)


@pytest.mark.parametrize(
    "value", [1.0, float("nan"), 2**53, {1: "x"}, {"x": b"y"}, "\ud800", {"\ud800": 1}, object()]
)
def test_what_has_no_place_in_a_decision(value: object) -> None:
    with pytest.raises(ValueError):
        canonical_json(value)
