"""Dates: what is read from a sentence, and whether two moments can be one."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant.coherence_pass.moments import Same, compare_moments, compare_scopes, moments


@pytest.mark.parametrize(
    ("text", "year", "quarter", "month", "day"),
    [
        ("on 3 March 2026", 2026, None, 3, 3),
        ("on March 3rd, 2026", 2026, None, 3, 3),
        ("on the 3rd of March", None, None, 3, 3),
        ("on 2026-03-10", 2026, None, 3, 10),
        ("in May 2024", 2024, None, 5, None),
        ("Q3 churn", None, 3, None, None),
        ("Q3 2025 churn", 2025, 3, None, None),
        ("the third quarter of 2025", 2025, 3, None, None),
        ("in 2022", 2022, None, None, None),
        ("for 2025 was", 2025, None, None, None),
    ],
)
def test_dates_are_read(text: str, year: int | None, quarter: int | None, month: int | None, day: int | None) -> None:
    """A date is read with the parts that were written and no others."""
    (found,) = moments(text)
    assert (found.year, found.quarter, found.month, found.day) == (year, quarter, month, day)


@pytest.mark.parametrize(
    "text", ["it may fail", "we march on", "2000 users", "for 2025 users", "error 2024x", "the sun"]
)
def test_other_words_are_no_dates(text: str) -> None:
    """Verbs and amounts that look like months and years are none."""
    assert moments(text) == ()


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("3 March 2026", "10 March 2026", Same.NO),
        ("3 March 2026", "2026-03-03", Same.YES),
        ("3 March", "3 March 2026", Same.YES),
        ("March 2026", "Q1 2026", Same.YES),
        ("March 2026", "Q2 2026", Same.NO),
        ("3 March 2026", "Tuesday", Same.YES),
        ("3 March 2026", "Wednesday", Same.NO),
        ("14:00", "2 pm", Same.YES),
        ("14:00", "2 am", Same.NO),
        ("Tuesday", "March 2026", Same.UNKNOWN),
        ("last week", "3 March", Same.UNKNOWN),
        ("last week", "last week", Same.YES),
    ],
)
def test_moments_compare_by_what_both_state(left: str, right: str, same: Same) -> None:
    """Two moments differ only in a part that both state; what one leaves open proves nothing."""
    (a,), (b,) = moments(left), moments(right)
    assert compare_moments(a, b) is same
    assert compare_moments(b, a) is same


def test_impossible_dates_are_read_without_a_weekday() -> None:
    """31 February is somebody's slip, not a crash."""
    assert moments("on 31 February 2026")[0].weekday is None


def test_one_sided_times_are_unknown() -> None:
    """A time on one side only leaves open whether both speak of one time."""
    assert compare_scopes(moments("in Q3"), ()) is Same.UNKNOWN
    assert compare_scopes((), ()) is Same.YES
    assert compare_scopes(moments("in Q3"), moments("in Q2")) is Same.NO


@given(st.text(alphabet="0123456789-/:. QMarchJunethofamp", max_size=120))
def test_any_text_can_be_read(text: str) -> None:
    """No text makes the reader fail, moments never overlap, and each can be itself."""
    found = moments(text)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert all(compare_moments(item, item) is not Same.NO for item in found)
