"""A second opinion, off by default: which findings go to a judge, what it is shown, and what its verdict does to them.

The judge is handed in, like a scorer, and may be a model, a service or a person. Its verdict can drop a finding or confirm it,
never add one. Pure; it must not know how the judge comes to its verdict. Statements are data to whoever judges, never
instructions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from accordant.coherence_pass.claims import Claim
from accordant.coherence_pass.grouping import Hit
from accordant.coherence_pass.verdicts import Verdict
from accordant.types.coherence_limits import JUDGE_CONTEXT_CHARS_MAX, JUDGED_PAIRS_MAX

__all__ = ["Judge", "PairContext", "Statement", "second_opinion"]


@dataclass(frozen=True, slots=True)
class Statement:
    """One side as a judge sees it: what was said, the sentences around it, under which headings, by whom and when.

    `at` is in milliseconds since 1970.
    """

    text: str
    before: str
    after: str
    heading: tuple[str, ...]
    authors: tuple[str, ...]
    version: int
    at: int | None


@dataclass(frozen=True, slots=True)
class PairContext:
    """Two statements, the one written earlier first, and why the pair is in doubt."""

    first: Statement
    second: Statement
    doubts: tuple[str, ...]


class Judge(Protocol):
    """Tier 2. One verdict per pair, in their order; `unsure` for what it could not judge. It should cache by content."""

    name: str
    version: str

    def judge(self, pairs: Sequence[PairContext]) -> Sequence[Verdict]:
        """What it says of each pair."""


def second_opinion(
    claims: Sequence[Claim], hits: Sequence[Hit], judge: Judge, *, with_reports: bool = False
) -> tuple[tuple[Hit, ...], bool]:
    """The hits after the judge was heard, and whether a bound kept some from it (they stay as they were).

    It is asked about what is only possible, the likeliest first, and by `with_reports` about what the scorer reported. What a
    rule proved is never put to it.
    """
    open_hits = [hit for hit in hits if not hit.mismatch.is_definite or (with_reports and hit.tier == "head")]
    open_hits.sort(key=lambda hit: (-hit.confidence, hit.first, hit.second))
    asked = open_hits[:JUDGED_PAIRS_MAX]
    verdicts = judge.judge([_context(claims, hit) for hit in asked]) if asked else ()
    heard = {
        (hit.first, hit.second): _heard(hit, verdict, judge.name) for hit, verdict in zip(asked, verdicts, strict=True)
    }
    after = (heard.get((hit.first, hit.second), hit) for hit in hits)
    return tuple(hit for hit in after if hit is not None), len(open_hits) > len(asked)


def _heard(hit: Hit, verdict: Verdict, name: str) -> Hit | None:
    match verdict:
        case Verdict.CONTRADICTION:
            return replace(hit, tier="judge", mismatch=replace(hit.mismatch, doubts=()))
        case Verdict.UNSURE if not hit.mismatch.is_definite:
            return hit
        case Verdict.UNSURE:
            return replace(hit, mismatch=replace(hit.mismatch, doubts=(f"{name} is not sure",)))
        case _:
            return None


def _context(claims: Sequence[Claim], hit: Hit) -> PairContext:
    first, second = sorted((hit.first, hit.second), key=lambda place: (claims[place].version, claims[place].text))
    return PairContext(_statement(claims, first), _statement(claims, second), hit.mismatch.doubts)


def _statement(claims: Sequence[Claim], place: int) -> Statement:
    claim = claims[place]
    return Statement(
        text=claim.text,
        before=_beside(claims, place, place - 1),
        after=_beside(claims, place, place + 1),
        heading=tuple(part[:JUDGE_CONTEXT_CHARS_MAX] for part in claim.passage.heading),
        authors=claim.authors,
        version=claim.version,
        at=claim.at,
    )


def _beside(claims: Sequence[Claim], place: int, other: int) -> str:
    """The neighbouring sentence, where it stands in the same passage."""
    is_there = 0 <= other < len(claims) and claims[other].passage is claims[place].passage
    return claims[other].text[:JUDGE_CONTEXT_CHARS_MAX] if is_there else ""
