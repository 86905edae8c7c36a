"""Candidate pairs: nothing that a rule would report is lost, and the work stays near-linear."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from accordant.coherence_pass.blocking import candidate_pairs
from accordant.coherence_pass.rules import judge

from .support import claims

_SUBJECTS = ("The gateway", "The search index", "The billing service", "Our client", "Churn in Q3", "Q3 churn")
_SAYINGS = (
    "listens on port 8080",
    "listens on port 9090",
    "holds 3 shards",
    "holds 5 shards",
    "is public",
    "is private",
    "was 4.1%",
    "was 6.3%",
    "does not support deletes",
    "supports deletes",
    "starts on 3 March 2026",
    "starts on 10 March 2026",
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(_SUBJECTS), st.sampled_from(_SAYINGS)), min_size=2, max_size=14))
def test_no_reportable_pair_is_lost(parts: list[tuple[str, str]]) -> None:
    """Every pair of unequal statements that a rule reports is among the candidates."""
    found = claims(*(f"{subject} {saying}." for subject, saying in parts))
    texts = {tuple(sorted((found[a].hash, found[b].hash))) for a, b in candidate_pairs(found).pairs}
    for place, a in enumerate(found):
        for b in found[place + 1 :]:
            if a.hash != b.hash and judge(a, b) is not None:
                assert tuple(sorted((a.hash, b.hash))) in texts


def test_work_grows_with_the_claims() -> None:
    """Ten times as many unrelated statements give no pairs; near-duplicates give a bounded number each, and say so."""
    unrelated = candidate_pairs(claims(*(f"Worker alpha{n} serves tenant beta{n}." for n in range(500))))
    assert (len(unrelated.pairs), unrelated.is_truncated) == (0, False)
    near = candidate_pairs(claims(*(f"The gateway listens on port {n}." for n in range(2_000))))
    assert near.is_truncated
    assert len(near.pairs) <= 2_000 * 64


def test_pairs_are_ordered_and_distinct() -> None:
    """Candidates come in document order, each once, never a claim with itself."""
    pairs = candidate_pairs(claims(*(f"The gateway listens on port {n}." for n in range(20)))).pairs
    assert list(pairs) == sorted(set(pairs))
    assert all(a < b for a, b in pairs)
