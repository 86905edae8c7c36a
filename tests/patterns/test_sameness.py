"""What counts as the same: time stamps, random names, run counters, blanks, and numbers that only count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant.patterns.sameness import goes_on, is_bookkeeping, lines_of, shape_of

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("seen at 2026-11-26T04:18:50Z", "seen at 2027-01-02 14:00:00.123+02:00"),
        ("at 04:18:50", "at 23:59:59.9"),
        ("took 1795667168", "took 1795999999"),
        ("took 1795667168101 ms", "took 1795999999999 ms"),
        ("run 6fa459ea-ee8a-3ca4-894e-db77e160355e", "run 16fd2706-8baf-433b-82eb-8c7fada847da"),
        ("commit 9fceb02d0ae598e95dc970b74767f19372d61af8", "commit de9f2c7fd25e1b3afad3e85a0bd17d9b100db4b3"),
        ("job 01ARZ3NDEKTSV4RRFFQ69G5FAV", "job 01BX5ZZKBKACTAV9WEVGEMMVRZ"),
        ("  two   words\n", "two words"),
        ({"text": "x", "updated_at": 1}, {"text": "x", "updatedAt": "now"}),
        ({"text": "x", "run": 1, "id": "a"}, {"text": "x", "run": 2, "id": "b"}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (1795667168.5, 1795667999.25),
    ],
)
def test_what_differs_by_chance_is_the_same(one: object, other: object) -> None:
    """Two runs of the same thing have one shape."""
    assert shape_of(one) == shape_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("churn rose", "churn fell"),
        ("churn was 4.1%", "churn was 6.3%"),
        ("3 of 10 done", "4 of 10 done"),
        ("3/10", "4/10"),
        ({"plan": "free"}, {"plan": "pro"}),
        ([1, 2], [1, 2, 3]),
        (True, 1),
        (None, "null"),
        ("defaced", "effaced"),
    ],
)
def test_what_says_something_else_is_not_the_same(one: object, other: object) -> None:
    """Words, measured shares, and counts that have a goal differ in shape."""
    assert shape_of(one).text != shape_of(other).text


def test_numbers_stand_beside_the_words() -> None:
    """Numbers in prose leave the text and are kept in order; exact ones, of a guarded value, stay in it."""
    assert shape_of("ping 1 of a, 2.5").numbers == (1.0, 2.5)
    assert shape_of("ping 1").text == shape_of("ping 22").text
    assert shape_of({"n": 3}).numbers == (3.0,)
    assert shape_of({"n": 3}, is_exact=True) != shape_of({"n": 4}, is_exact=True)
    assert shape_of({"n": 3}, is_exact=True) == shape_of({"n": 3.0}, is_exact=True)


def test_counting_on() -> None:
    """By one, back by one, by the same step again: counting. By anything else: measuring."""
    assert goes_on((1.0,), (2.0,), None)
    assert goes_on((2.0,), (1.0,), None)
    assert goes_on((10.0,), (20.0,), (10.0,))
    assert not goes_on((10.0,), (20.0,), None)
    assert not goes_on((1.0, 4.1), (2.0, 6.3), (1.0, 1.0))


def test_bookkeeping_is_known_however_it_is_spelled() -> None:
    """Case, dashes and underscores do not matter; words that only contain such a name are others."""
    assert all(map(is_bookkeeping, ["updated_at", "updatedAt", "run-count", "RUNS", "uuid", "timestamp"]))
    assert not any(map(is_bookkeeping, ["runway", "citations", "total", "status", "", "latest"]))


def test_lines_keep_their_numbers() -> None:
    """A text's numbers are its author's; its stamps and blanks are nobody's."""
    assert list(lines_of("step 1\n\n  step  2 at 10:00:00\n")) == ["step 1", "step 2 at □"]


@given(JSON)
def test_every_json_value_has_a_shape(value: object) -> None:
    """Whatever may be stored has a shape, always the same, exact or not."""
    assert shape_of(value) == shape_of(value)
    assert shape_of(value, is_exact=True) == shape_of(value, is_exact=True)


@pytest.mark.parametrize(
    "text", ["9" * 50_000, "1." * 20_000, "a1" * 50_000, "0:" * 50_000, "f" * 100_000 + "1", "1/" * 50_000]
)
def test_hostile_text_is_read_in_linear_time(text: str) -> None:
    """Long runs of digits and near-stamps take no longer than other text (the test's time limit is the judge)."""
    for _ in range(3):
        shape_of(text)
        list(lines_of(text))
