"""One finding per cause: pairs that share a clashing part belong together, however many statements repeat it.

Takes judged pairs and gives findings; a changed number that k statements contradict is one finding, not k.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from accordant.coherence_pass.claims import Claim
from accordant.coherence_pass.report import Contradiction, Side
from accordant.coherence_pass.rules import Mismatch
from accordant.types.coherence_limits import FINDING_PAIRS_MAX
from accordant.types.limits import FINDING_SIDES_MAX

__all__ = ["Hit", "findings_of", "pair_id"]


@dataclass(frozen=True, slots=True)
class Hit:
    """One judged pair: the places of its claims in document order, what clashes, and who says so.

    `score`: the scorer's confidence; None for a rule, whose mismatch has its own.
    """

    first: int
    second: int
    mismatch: Mismatch
    tier: Literal["rule", "head", "judge"] = "rule"
    score: float | None = None
    is_calibrated: bool = False

    @property
    def confidence(self) -> float:
        """How sure whoever said it is."""
        return self.mismatch.confidence if self.score is None else self.score


def pair_id(a: Claim, b: Claim) -> str:
    """The stable id of a pair of statements, the same from either side."""
    low, high = sorted((a.hash, b.hash))
    return hashlib.sha256(f"{low}|{high}".encode()).hexdigest()[:16]


def findings_of(claims: Sequence[Claim], hits: Sequence[Hit]) -> list[Contradiction]:
    """The findings of these hits, the most telling pair of each cause in front; in document order."""
    causes = _Causes()
    for hit in hits:
        causes.join((hit.first, hit.mismatch.slot_a), (hit.second, hit.mismatch.slot_b))
    groups: dict[tuple[int, str], list[Hit]] = {}
    for hit in hits:
        groups.setdefault(causes.root((hit.first, hit.mismatch.slot_a)), []).append(hit)
    return [_finding(claims, group) for group in groups.values()]


class _Causes:
    """Union-find over (claim, clashing part)."""

    def __init__(self) -> None:
        self._parent: dict[tuple[int, str], tuple[int, str]] = {}

    def root(self, node: tuple[int, str]) -> tuple[int, str]:
        path = []
        while (parent := self._parent.setdefault(node, node)) != node:
            path.append(node)
            node = parent
        for passed in path:
            self._parent[passed] = node
        return node

    def join(self, left: tuple[int, str], right: tuple[int, str]) -> None:
        low, high = sorted((self.root(left), self.root(right)))
        self._parent[high] = low


def _finding(claims: Sequence[Claim], group: Sequence[Hit]) -> Contradiction:
    chosen = min(group, key=lambda hit: _rank(claims, hit))
    a, b, mismatch = claims[chosen.first], claims[chosen.second], chosen.mismatch
    others = sorted({place for hit in group for place in (hit.first, hit.second)} - {chosen.first, chosen.second})
    return Contradiction(
        id=pair_id(a, b),
        a=_side(a),
        b=_side(b),
        kind=mismatch.kind,
        confidence=chosen.confidence,
        calibrated=chosen.is_calibrated,
        tier=chosen.tier,
        severity="definite" if mismatch.is_definite else "possible",
        detail=mismatch.detail,
        mismatch=mismatch.parts,
        cross_author=_is_cross(a, b),
        first_seen_version=max(a.version, b.version),
        newer=_newer(a, b),
        doubts=list(mismatch.doubts),
        also=[_side(claims[place]) for place in others[:FINDING_SIDES_MAX]],
        n_statements=len(others) + 2,
        pairs=sorted({pair_id(claims[hit.first], claims[hit.second]) for hit in group})[:FINDING_PAIRS_MAX],
    )


def _rank(claims: Sequence[Claim], hit: Hit) -> tuple[float, bool, int, int]:
    """Best first: sure, between two authors, early in the document."""
    return -hit.confidence, not _is_cross(claims[hit.first], claims[hit.second]), hit.first, hit.second


def _is_cross(a: Claim, b: Claim) -> bool:
    return set(a.authors) != set(b.authors)


def _newer(a: Claim, b: Claim) -> Literal["a", "b"] | None:
    left, right = (a.version, a.at or 0), (b.version, b.at or 0)
    return None if left == right else "a" if left > right else "b"


def _side(claim: Claim) -> Side:
    passage = claim.passage
    return Side(
        claim_id=claim.id,
        path=passage.path,
        start=claim.start,
        end=claim.end,
        text=claim.text,
        authors=list(claim.authors),
        version=claim.version,
        written_at=claim.at,
        heading=passage.heading,
        read=list(passage.read),
    )
