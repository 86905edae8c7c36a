"""Which checkpoints stay."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from accordant.engine.stores.ladder import kept
from accordant.types.memory_limits import LADDER_BYTES_MAX, LADDER_RUNGS_MAX


@given(st.dictionaries(st.integers(0, 10**6), st.integers(1, LADDER_BYTES_MAX // 2), min_size=1), st.data())
def test_a_ladder_keeps_what_it_must_within_its_bounds(sizes: dict[int, int], data: st.DataObject) -> None:
    """The newest, the base and the one just saved always stay; all others fit the bounds."""
    saved = data.draw(st.sampled_from(sorted(sizes)))
    compacted = data.draw(st.integers(0, max(sizes)))
    stay = kept(sizes, compacted, saved)
    always = {max(sizes), saved, min(offset for offset in sizes if offset >= compacted)}
    assert always <= stay <= set(sizes)
    if len(stay) > len(always):
        assert len(stay) <= LADDER_RUNGS_MAX
        assert sum(sizes[offset] for offset in stay) <= LADDER_BYTES_MAX


def test_a_growing_log_keeps_gaps_in_proportion_to_the_distance() -> None:
    """However many checkpoints come one after another, no gap is much larger than a fifth of its distance from the head."""
    ladder: dict[int, int] = {}
    for offset in range(1000, 1_000_001, 1000):
        ladder[offset] = 1000
        stay = kept(ladder, 0, offset)
        ladder = {at: ladder[at] for at in stay}
    rungs = sorted(ladder)
    assert len(rungs) == LADDER_RUNGS_MAX
    for older, newer in pairwise(rungs):
        assert newer - older <= max(2000, 0.25 * (1_000_000 - older)), (older, newer)
