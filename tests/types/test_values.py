"""Canonical values: the one meaning of equality."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant import Invalid
from accordant.types.limits import VALUE_DEPTH_MAX
from accordant.types.values import canonical, canonical_json, digest, storable

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_canonical_is_stable_and_survives_json(value: object) -> None:
    """Canonical twice is canonical once, and JSON does not change it."""
    try:
        clean = canonical(value)
    except Invalid:
        assert any(0xD800 <= ord(c) <= 0xDFFF for c in json.dumps(value, ensure_ascii=False))
        return
    assert canonical(clean) == clean
    assert canonical(json.loads(canonical_json(value))) == clean
    assert digest(value) == digest(json.loads(canonical_json(value)))


def test_numbers_as_yjs_gives_them_back_are_equal() -> None:
    """1 and 1.0 are one value; key order does not matter; tuples are lists; booleans are not numbers."""
    assert canonical_json({"b": 1.0, "a": (1, 2)}) == canonical_json({"a": [1.0, 2.0], "b": 1}) == '{"a":[1,2],"b":1}'
    assert canonical_json(True) != canonical_json(1)


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (2**53, "integer_range"),
        (-(2**64), "integer_range"),
        (float("nan"), "not_finite"),
        (float("inf"), "not_finite"),
        ({1: "x"}, "not_json"),
        ({"x": {2, 3}}, "not_json"),
        (b"bytes", "not_json"),
        (object(), "not_json"),
        ("\ud800", "not_unicode"),
        ({"\udfff": 1}, "not_unicode"),
    ],
)
def test_what_json_or_yjs_cannot_carry_is_refused(bad: object, code: str) -> None:
    """Each with its code."""
    with pytest.raises(Invalid) as refused:
        canonical(bad)
    assert refused.value.code == code


def test_depth_and_size_are_bounded() -> None:
    """One level more than allowed, one byte more than allowed."""
    deep: object = 1
    for _ in range(VALUE_DEPTH_MAX):
        deep = [deep]
    assert canonical(deep) == deep
    with pytest.raises(Invalid) as refused:
        canonical([deep])
    assert refused.value.code == "too_deep"
    assert storable("x" * 8, bytes_max=10) == "x" * 8
    with pytest.raises(Invalid) as refused:
        storable("x" * 9, bytes_max=10)
    assert refused.value.code == "too_large"
