"""Which pairs are worth judging: an inverted index over content words, near-linear in the number of claims.

The subject guard lets a pair through only when one side's words are all in the other. So the rarest word of that side
is in both: looking it up finds every pair that a rule could report. Keyed facts meet through their key. No pair is
dropped for being too similar.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from accordant.coherence_pass.claims import Claim
from accordant.types.limits import PAIRS_PER_CLAIM_MAX

__all__ = ["Pairs", "candidate_pairs", "distinct_places"]

_COPIES = 2


@dataclass(frozen=True, slots=True)
class Pairs:
    """Index pairs (earlier, later) in a fixed order; `is_truncated`: some claim had too many neighbours."""

    pairs: tuple[tuple[int, int], ...]
    is_truncated: bool


def candidate_pairs(claims: Sequence[Claim], per_claim_max: int = PAIRS_PER_CLAIM_MAX) -> Pairs:
    """The pairs to judge, about `per_claim_max` per claim at most. Equal statements are compared as one."""
    chosen = distinct_places(claims)
    postings: dict[str, list[int]] = defaultdict(list)
    for place in chosen:
        for word in (*claims[place].reading.bag, *_fact_keys(claims[place])):
            postings[word].append(place)
    pairs: set[tuple[int, int]] = set()
    is_truncated = False
    for place in chosen:
        for word in (*_rarest(claims[place], postings), *_fact_keys(claims[place])):
            near = _nearest(postings[word], place, per_claim_max)
            is_truncated |= len(near) < len(postings[word])
            pairs.update((min(place, other), max(place, other)) for other in near if other != place)
    return Pairs(tuple(sorted(pairs)), is_truncated)


def distinct_places(claims: Sequence[Claim]) -> list[int]:
    """The first of each group of equal statements, once for each of two authorships: repeats say nothing new."""
    chosen: list[int] = []
    seen: set[tuple[str, tuple[str, ...]]] = set()
    copies: Counter[str] = Counter()
    for place, claim in enumerate(claims):
        if (claim.hash, claim.authors) not in seen and copies[claim.hash] < _COPIES:
            seen.add((claim.hash, claim.authors))
            copies[claim.hash] += 1
            chosen.append(place)
    return chosen


def _rarest(claim: Claim, postings: dict[str, list[int]]) -> list[str]:
    required = claim.reading.bag - claim.optional or claim.reading.bag
    return [min(required, key=lambda word: (len(postings[word]), word))] if required else []


def _fact_keys(claim: Claim) -> tuple[str, ...]:
    """What pairs meet by although neither has all words of the other: a keyed fact, a name for one thing, "only" and "any"."""
    keys = [] if claim.fact is None else [f"\x1f{claim.fact.subject.casefold()}\x1f{claim.fact.attribute}"]
    if claim.reading.assignment is not None:
        keys.append(claim.reading.assignment.key)
    if claim.reading.quantifier in ("only", "any", "all") and claim.reading.predicate:
        keys.append(f"\x1fwho {' '.join(claim.reading.predicate)}")
    return tuple(keys)


def _nearest(neighbours: list[int], place: int, most: int) -> list[int]:
    """All neighbours, or the nearest in the document where there are too many, so that the choice is stable."""
    if len(neighbours) <= most:
        return neighbours
    start = max(0, min(bisect_left(neighbours, place) - most // 2, len(neighbours) - most))
    return neighbours[start : start + most]
