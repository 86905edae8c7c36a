"""Numbers: what is read from a sentence, and when two numbers exclude each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant.coherence_pass.quantities import Agreement, Bound, compare, quantities


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("Churn was 4.1%.", "percent", 4.1),
        ("It costs $3.2M.", "$", 3_200_000),
        ("It costs 2.9 million dollars.", "$", 2_900_000),
        ("It takes 24h.", "time", 86_400),
        ("It takes 85ms.", "time", 0.085),
        ("It has half a gigabyte.", "size", 5e8),
        ("It has 1,000,000 rows.", "count", 1_000_000),
        ("It has three replicas.", "count", 3),
        ("It takes 60 requests per minute.", "count/time", 1),
        ("It runs every 5 minutes.", "period", 300),
        ("It runs twice a day.", "period", 43_200),
        ("10k users signed up.", "count", 10_000),
    ],
)
def test_numbers_are_read_in_base_units(text: str, dimension: str, value: float) -> None:
    """A number is read with its unit, scale and rate, whatever way it is written."""
    (found,) = quantities(text)
    assert (found.dimension, found.value) == (dimension, pytest.approx(value))


@pytest.mark.parametrize(
    "text", ["on 10.0.0.1", "in v2.0.1", "the old one", "one of them", "5m", "the 99th percentile", "PR #12", "a/4"]
)
def test_names_are_no_measures(text: str) -> None:
    """Digits of addresses, versions, ordinals and ambiguous units give no number."""
    assert quantities(text) == ()


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("about 5 users", Bound.ABOUT),
        ("at most 5 users", Bound.AT_MOST),
        ("no more than 5 users", Bound.AT_MOST),
        ("at least 5 users", Bound.AT_LEAST),
        ("5+ users", Bound.AT_LEAST),
        ("5 users", Bound.EXACT),
    ],
)
def test_bounds_are_read(text: str, bound: Bound) -> None:
    """The words before a number say how it is meant."""
    assert quantities(text)[0].bound is bound


@pytest.mark.parametrize(
    ("left", "right", "agreement"),
    [
        ("4%", "4.1%", Agreement.AGREE),
        ("4.1%", "6.3%", Agreement.EXCLUDE),
        ("about 40 users", "44 users", Agreement.AGREE),
        ("40 users", "44 users", Agreement.EXCLUDE),
        ("about 4%", "6%", Agreement.EXCLUDE),
        ("100 users", "60 users", Agreement.EXCLUDE),
        ("1,000 users", "1,024 users", Agreement.AGREE),
        ("8080", "9090", Agreement.EXCLUDE),
        ("1 GB", "1024 MB", Agreement.AGREE),
        ("1 GB", "2 GB", Agreement.EXCLUDE),
        ("30 days", "1 month", Agreement.AGREE),
        ("3-5 nodes", "4 nodes", Agreement.AGREE),
        ("3-5 nodes", "7 nodes", Agreement.EXCLUDE),
        ("at most 60 users", "50 users", Agreement.AGREE),
        ("at most 60 users", "70 users", Agreement.EXCLUDE),
        ("at most 60 users", "at most 70 users", Agreement.UNCLEAR),
        ("at least 60 users", "at most 50 users", Agreement.EXCLUDE),
        ("€20 per month", "€25 per month", Agreement.EXCLUDE),
        ("€240 per year", "€20 per month", Agreement.AGREE),
        ("4 million users", "4.1 million users", Agreement.AGREE),
    ],
)
def test_agreement(left: str, right: str, agreement: Agreement) -> None:
    """Rounding, vagueness, ranges, bounds and near-equal units agree; real differences do not; order never matters."""
    (a,), (b,) = quantities(left), quantities(right)
    assert compare(a, b) is agreement
    assert compare(b, a) is agreement


@given(st.integers(0, 10**9), st.sampled_from(["", " MB", " ms", "%", " users", " per second"]))
def test_a_number_agrees_with_itself(number: int, unit: str) -> None:
    """Whatever is read agrees with itself."""
    for found in quantities(f"It is {number}{unit}."):
        assert compare(found, found) is Agreement.AGREE


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    """No text makes the reader fail, and every number found lies inside the text."""
    assert all(0 <= found.start < found.end <= len(text) for found in quantities(text))


@pytest.mark.parametrize("name", ["GPT-4", "eu-1", "Sprint-14"])
def test_a_number_in_a_name_is_no_measure(name: str) -> None:
    """A number that a hyphen ties to letters tells which one is meant, not how many."""
    assert quantities(f"{name} is slow") == ()
