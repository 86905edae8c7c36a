"""The last stage: is this known already? Decides between a new entry and one more contributor to an old one. A pair that the
rules, the numbers or a learned verdict hold apart is never one entry, however near: it becomes a link, for the coherence pass
to see.

Computes on a view, in whatever thread it is called; changes nothing but vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from accordant.coherence_pass.verdicts import Scorer
from accordant.patterns.corpus.agreement import contradiction, why_apart
from accordant.patterns.corpus.values import Entry, Link
from accordant.patterns.corpus.view import View
from accordant.types.pattern_limits import (
    CORPUS_CANDIDATES_MAX,
    CORPUS_LINK_MIN,
    CORPUS_LINKS_MAX,
    CORPUS_SHARED_MIN,
    CORPUS_WARM_MAX,
)
from accordant.types.readings import LogItem

__all__ = ["Near", "compared"]

_WHY_CHARS: Final = 500


@dataclass(frozen=True, slots=True)
class Near:
    """What is near a text: the entry that says the same (`same`), or else those that say something else (`links`).

    `similarity` is that of `same`, or of the nearest. `is_whole`: every standing entry was looked at.
    """

    same: LogItem[Entry] | None
    similarity: float | None
    links: tuple[Link, ...]
    is_whole: bool


def compared(
    view: View, text: str, threshold: float, scorer: Scorer | None, warm_max: int | None = CORPUS_WARM_MAX
) -> Near:
    """Look a text up among the standing entries."""
    same = view.same(text)
    if same is not None:
        return Near(same, 1.0, (), True)
    if view.vectors is None:
        return _by_words(view, text)
    is_whole = view.warm(text, warm_max)
    least = min(CORPUS_LINK_MIN, threshold)
    near = view.likeness(text, least, 2 * CORPUS_CANDIDATES_MAX, or_nearest=True)
    nearest = near[0][0] if near else None
    links: list[Link] = []
    for similarity, place in near[:CORPUS_CANDIDATES_MAX]:
        if similarity < least:
            break
        item = view.items[place]
        if similarity > threshold:
            apart = why_apart(text, item.value.text, scorer)
            if apart is None:
                return Near(item, similarity, (), is_whole)
        else:
            apart = contradiction(text, item.value.text)
        if apart is not None and len(links) < CORPUS_LINKS_MAX:
            links.append(Link(ref=item.ref, similarity=similarity, why=apart[:_WHY_CHARS]))
    return Near(None, nearest, tuple(links), is_whole)


def _by_words(view: View, text: str) -> Near:
    """Without vectors: one entry only where nothing differs but form; near is what shares most words."""
    links: list[Link] = []
    nearest: float | None = None
    for shared, place in view.sharing(text, CORPUS_CANDIDATES_MAX):
        item = view.items[place]
        similarity = round(min(shared, 1.0), 6)
        nearest = similarity if nearest is None else max(nearest, similarity)
        why = why_apart(text, item.value.text, None)
        if why is None:
            return Near(item, 1.0, (), True)
        if similarity >= CORPUS_SHARED_MIN and len(links) < CORPUS_LINKS_MAX:
            links.append(Link(ref=item.ref, similarity=similarity, why=why[:_WHY_CHARS]))
    return Near(None, nearest, tuple(links), True)
