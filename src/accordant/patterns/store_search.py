"""How well items answer a query: by the words they share with it, or by vectors. The texts are those of the items as they are
now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from accordant.patterns.store_texts import words_of

if TYPE_CHECKING:
    from accordant.semantic.vectors import Vectors

__all__ = ["scores_of"]


async def scores_of(
    query: str,
    values: Sequence[Any],
    fields: Sequence[Sequence[str]],
    texts_of: Callable[[Any, str], list[str]],
    vectors: Vectors | None,
) -> list[float | None]:
    """A score per value, its best text's; None for one that has no text, or no word of the query. `fields`: the paths of each,
    `texts_of` what stands there.

    With vectors: the cosine, -1 to 1. Without: the share of the query's words that the text has, above 0 to 1.
    """
    texts: list[str] = []
    owners: list[int] = []
    for number, (value, paths) in enumerate(zip(values, fields, strict=True)):
        found = [text for path in paths for text in texts_of(value, path)]
        texts += found
        owners += [number] * len(found)
    if not texts:
        return [None] * len(values)
    scores = _by_words(query, texts) if vectors is None else await vectors.scores(query, texts)
    best: list[float | None] = [None] * len(values)
    for owner, score in zip(owners, scores, strict=True):
        known = best[owner]
        if score is not None and (known is None or score > known):
            best[owner] = score
    return best


def _by_words(query: str, texts: Sequence[str]) -> list[float | None]:
    wanted = words_of(query)
    return [len(wanted & words_of(text)) / len(wanted) or None if wanted else None for text in texts]
