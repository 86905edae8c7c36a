"""Verdicts on pairs: rules first, then, for what they do not decide, the scorer. Remembers both, keeps the budgets.

Takes claims and candidate pairs and gives hits. A remembered verdict is the same as a fresh one, so a run with a memory finds
what a run without one finds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from accordant.coherence_pass.blocking import distinct_places
from accordant.coherence_pass.claims import Claim
from accordant.coherence_pass.grouping import Hit, pair_id
from accordant.coherence_pass.remembered import CheckerState
from accordant.coherence_pass.rules import Mismatch, judge
from accordant.coherence_pass.tier_one import clash, tier_one_doubts
from accordant.coherence_pass.verdicts import Scorer
from accordant.types.coherence_limits import (
    INDEXED_NEAR_MAX,
    NEIGHBOUR_PLACES_MAX,
    SCORE_BATCH_PAIRS,
    SCORED_PAIRS_MAX,
)

__all__ = ["Judged", "Judging", "Near", "Progress"]

_CLOCK_EVERY: Final = 256
_SCORE_DIGITS: Final = 4  # scorers differ in the last digits by how pairs are batched; no finding may hang on that

Pair = tuple[int, int]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Near:
    """The pairs that a scorer may be asked about."""

    pairs: frozenset[Pair]
    is_truncated: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """What judging the pairs gave. `n_judged`: pairs with a verdict. `is_cut`: a budget ended it."""

    hits: tuple[Hit, ...]
    n_judged: int
    n_suppressed: int
    is_cut: bool


class Judging:
    """One run's verdicts."""

    def __init__(
        self,
        claims: Sequence[Claim],
        state: CheckerState,
        scorer: Scorer | None,
        settled: frozenset[str],
        is_late: Callable[[], bool],
        progress: Progress,
    ) -> None:
        self._claims = claims
        self._state = state
        self._scorer = scorer
        self._settled = settled
        self._is_late = is_late
        self._progress = progress
        self.n_ruled = 0
        self.n_scored = 0

    # -- which pairs the scorer is asked about --------------------------------------------------------------------

    def near(self, indexed: Sequence[Pair]) -> Near:
        """Nearest neighbours by their vectors, and of the index's pairs the most alike of each claim."""
        if self._scorer is None:
            return Near(frozenset(), False)
        places: dict[str, list[int]] = defaultdict(list)
        is_truncated = False
        for place in distinct_places(self._claims):
            found = places[self._claims[place].text]
            if len(found) < NEIGHBOUR_PLACES_MAX:
                found.append(place)
            else:
                is_truncated = True
        neighbourhood = self._state.neighbourhood
        neighbourhood.update(list(places), self._embedding(len(places)))
        pairs: set[Pair] = set()
        for text, here in places.items():
            for other in neighbourhood.near(text):
                pairs.update((min(a, b), max(a, b)) for a in here for b in places[other])
        return Near(frozenset(pairs | self._most_alike(indexed)), is_truncated)

    def _embedding(self, total: int) -> Callable[[Sequence[str]], object]:
        done = 0

        def embed(texts: Sequence[str]) -> object:
            nonlocal done
            assert self._scorer is not None
            vectors = self._scorer.embed(texts)
            done += len(texts)
            self._progress("embed", done, total)
            return vectors

        return embed

    def _most_alike(self, indexed: Sequence[Pair]) -> set[Pair]:
        claims = self._claims
        texts = [(claims[a].text, claims[b].text) for a, b in indexed]
        alike = self._state.neighbourhood.alike(texts)
        order = sorted(range(len(indexed)), key=lambda n: (-alike[n], min(texts[n]), max(texts[n]), indexed[n]))
        taken: dict[int, int] = defaultdict(int)
        chosen: set[Pair] = set()
        for n in order:
            a, b = indexed[n]
            if texts[n][0] != texts[n][1] and min(taken[a], taken[b]) < INDEXED_NEAR_MAX:
                taken[a] += 1
                taken[b] += 1
                chosen.add((a, b))
        return chosen

    # -- verdicts -------------------------------------------------------------------------------------------------

    def run(self, pairs: Sequence[Pair], near: Near, pairs_max: int) -> Judged:
        """The verdicts on these pairs, in their order."""
        numbers = self._state.number(self._claims)
        known, judged = self._state.judged, dict[int, Mismatch | None]()
        found: dict[Pair, Hit] = {}
        open_pairs: dict[Pair, int] = {}
        is_cut, count = False, 0
        for count, (first, second) in enumerate(pairs):
            if count % _CLOCK_EVERY == 0:
                self._progress("judge", count, len(pairs))
            if count >= pairs_max or (count % _CLOCK_EVERY == 0 and self._is_late()):
                is_cut = True
                break
            key = numbers[first] << 32 | numbers[second]
            if key in judged:
                mismatch = judged[key]
            elif key in known:
                mismatch = known[key]
            else:
                mismatch = judge(self._claims[first], self._claims[second])
                self.n_ruled += 1
            judged[key] = mismatch
            if mismatch is not None:
                found[first, second] = Hit(first, second, mismatch)
            elif (first, second) in near.pairs:
                open_pairs[first, second] = key
        else:
            count = len(pairs)
        self._state.judged = judged
        is_cut |= self._score(open_pairs, found)
        hits = [found[pair] for pair in sorted(found)]
        if not self._settled:
            return Judged(tuple(hits), count, 0, is_cut)
        claims = self._claims
        left = [hit for hit in hits if pair_id(claims[hit.first], claims[hit.second]) not in self._settled]
        return Judged(tuple(left), count, len(hits) - len(left), is_cut)

    def _score(self, pairs: Mapping[Pair, int], found: dict[Pair, Hit]) -> bool:
        """Adds what the scorer says of what no rule decided; returns whether a budget ended it."""
        scorer, claims = self._scorer, self._claims
        if scorer is None:
            return False
        known, open_doubts = self._state.doubts, dict[int, tuple[str, ...] | None]()
        for pair, key in pairs.items():
            open_doubts[key] = known[key] if key in known else tier_one_doubts(*self._both(pair))
        self._state.doubts = open_doubts
        asked = [(pair, doubts) for pair, key in pairs.items() if (doubts := open_doubts[key]) is not None]
        is_cut = len(asked) > SCORED_PAIRS_MAX
        asked = asked[:SCORED_PAIRS_MAX]
        texts = {pair: _texts(claims[pair[0]], claims[pair[1]]) for pair, _ in asked}
        scores = {text: self._state.scores[text] for text in texts.values() if text in self._state.scores}
        fresh = [text for text in dict.fromkeys(texts.values()) if text not in scores]
        for low in range(0, len(fresh), SCORE_BATCH_PAIRS):
            if self._is_late():
                is_cut = True
                break
            self._progress("score", low, len(fresh))
            part = fresh[low : low + SCORE_BATCH_PAIRS]
            scores |= zip(part, (round(float(score), _SCORE_DIGITS) for score in scorer.score(part)), strict=True)
            self.n_scored += len(part)
        self._state.scores = scores
        for pair, doubts in asked:
            score = scores.get(texts[pair], 0.0)
            if score >= scorer.possible:
                mismatch = clash(*self._both(pair), score, doubts, score >= scorer.report)
                found[pair] = Hit(*pair, mismatch, "head", score, scorer.calibrated_on is not None)
        return is_cut

    def _both(self, pair: Pair) -> tuple[Claim, Claim]:
        return self._claims[pair[0]], self._claims[pair[1]]


def _texts(a: Claim, b: Claim) -> tuple[str, str]:
    return min(a.text, b.text), max(a.text, b.text)
