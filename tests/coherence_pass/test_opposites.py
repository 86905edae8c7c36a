"""The words that a prefix turns into their opposite."""

from __future__ import annotations

from accordant.coherence_pass.opposites import PREFIXED
from accordant.coherence_pass.words import canonical_stem


def test_a_word_and_its_denial_share_a_stem_with_opposite_signs() -> None:
    """Every pair of the table reads as one word with two signs, except words that carry nothing."""
    table = dict(PREFIXED)
    assert len(table) > 900
    for word in ("armed", "visible", "regular", "honest", "reliable"):
        (name, sign), (other, opposite) = canonical_stem(word), canonical_stem(table[word])
        assert name == other
        assert sign == -opposite != 0
