"""Finding entries: by vectors where there are any, else by shared words. What is answered is scored against the text as it is
now."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from accordant.patterns.corpus.values import Hit, Known
from accordant.patterns.corpus.view import View
from accordant.types.pattern_limits import CORPUS_SEARCH_MAX, CORPUS_WARM_MAX

__all__ = ["Wanted", "found"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is searched for: the text, how many, and which entries may be among them."""

    query: str
    limit: int
    min_score: float
    tags: frozenset[str]
    kind: str | None
    exclude_origin: Collection[str]

    def admits(self, known: Known) -> bool:
        """Whether an entry may be answered. One that several tasks have contributed is only left out when all are excluded."""
        if self.kind is not None and known.entry.kind != self.kind:
            return False
        return self.tags <= set(known.entry.tags) and not known.counts.origins <= set(self.exclude_origin)


def found(view: View, wanted: Wanted) -> list[Hit]:
    """The nearest entries that stand, best first. In any thread; changes nothing but vectors."""
    scored: list[tuple[float, int, Literal["embedding", "lexical"]]] = []
    if view.vectors is not None:
        view.warm(wanted.query, CORPUS_WARM_MAX)
        scored += [
            (score, place, "embedding")
            for score, place in view.likeness(wanted.query, wanted.min_score, CORPUS_SEARCH_MAX)
        ]
    if view.vectors is None or len(scored) < wanted.limit:
        known = {place for _, place, _ in scored}
        by_words = view.sharing(wanted.query, CORPUS_SEARCH_MAX)
        if view.vectors is not None:  # what has a vector was judged by it
            by_words = [(score, place) for score, place in by_words if not view.has_vector(place)]
        scored += [(round(score, 6), place, "lexical") for score, place in by_words if place not in known and score > 0]
    hits: list[Hit] = []
    for score, place, method in scored:
        one = view.known(place)
        if not wanted.admits(one):
            continue
        hits.append(
            Hit(
                one.ref,
                one.entry,
                one.by,
                one.at,
                one.version,
                one.counts,
                one.links,
                one.status,
                one.because,
                score,
                method,
            )
        )
        if len(hits) == wanted.limit:
            break
    return hits
