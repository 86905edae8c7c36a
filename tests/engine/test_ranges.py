"""Ranges of clocks behave like a set of integers."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from accordant.engine.ranges import Ranges

spans = st.tuples(st.integers(0, 40), st.integers(1, 8)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(spans, max_size=12), spans)
def test_ranges_are_a_set_of_clocks(added: list[tuple[int, int]], asked: tuple[int, int]) -> None:
    """Membership, missing parts and the merged ranges equal those of a plain set."""
    ranges, plain = Ranges(), set[int]()
    for start, end in added:
        ranges.add(start, end)
        plain |= set(range(start, end))
    assert [clock for clock in range(60) if clock in ranges] == sorted(plain)
    assert {c for start, end in ranges.missing(*asked) for c in range(start, end)} == set(range(*asked)) - plain
    kept = list(ranges)
    assert all(start < end for start, end in kept)
    assert all(left[1] < right[0] for left, right in pairwise(kept)), "neighbours are merged"
