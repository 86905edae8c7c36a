"""Which texts are near each other: the nearest few of each by the cosine of their vectors, kept from run to run.

Exact whatever was known before: vectors are rounded to whole numbers, so that their products are the same in any order of
summation, and equal products are put in the order of the texts. So a run that knows most texts already gives the same neighbours
as one that knows none. Memory grows with the number of texts: similarities are computed slice by slice.

It must not know what a text says. numpy is met here alone, and only by whoever has a scorer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from accordant.types.coherence_limits import NEIGHBOUR_COSINE_MIN, NEIGHBOUR_SLICE_ROWS, NEIGHBOURS_MAX
from accordant.types.errors import Invalid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

__all__ = ["Neighbourhood"]

_SCALE: Final = 2_048
"""A product of two such vectors stays below 2^24: float32 adds whole numbers exactly up to there."""


class Neighbourhood:
    """The nearest neighbours of each text, at most `most` of a cosine of `least` or more. Unchanged texts keep their vectors."""

    def __init__(self, most: int = NEIGHBOURS_MAX, least: float = NEIGHBOUR_COSINE_MIN) -> None:
        self._most = most
        self._least = round(least * _SCALE * _SCALE)
        self._rows: dict[str, Any] = {}
        self._near: dict[str, tuple[tuple[int, str], ...]] = {}  # (-product, text), nearest first
        self.embedded = 0

    def update(self, texts: Sequence[str], embed: Callable[[Sequence[str]], Any]) -> None:
        """From now on these texts. Only what is new among them is embedded. Raises `Invalid` for vectors that are none."""
        known = sorted(set(texts))
        fresh = [text for text in known if text not in self._rows]
        self.embedded = len(fresh)
        rows = {text: self._rows[text] for text in known if text in self._rows}
        for low in range(0, len(fresh), NEIGHBOUR_SLICE_ROWS):
            part = fresh[low : low + NEIGHBOUR_SLICE_ROWS]
            rows |= zip(part, _whole(embed(part), len(part)), strict=True)
        self._near, self._rows = self._nearest(known, rows, set(fresh)), rows

    def near(self, text: str) -> tuple[str, ...]:
        """The neighbours of a text, nearest first."""
        return tuple(other for _, other in self._near[text])

    def alike(self, pairs: Sequence[tuple[str, str]]) -> list[int]:
        """How near the two of each pair are: a number to compare with others."""
        import numpy as np

        found: list[int] = []
        for low in range(0, len(pairs), 16 * NEIGHBOUR_SLICE_ROWS):
            part = pairs[low : low + 16 * NEIGHBOUR_SLICE_ROWS]
            left, right = (np.stack([self._rows[pair[side]] for pair in part]) for side in (0, 1))
            found.extend(map(int, np.einsum("ij,ij->i", left, right)))
        return found

    def _nearest(
        self, known: list[str], rows: dict[str, Any], fresh: set[str]
    ) -> dict[str, tuple[tuple[int, str], ...]]:
        import numpy as np

        if not known:
            return {}
        matrix: Matrix = np.stack([rows[text] for text in known])
        kept = {
            text: self._near[text]
            for text in known
            if text not in fresh and all(other in rows for _, other in self._near[text])
        }
        again = [place for place, text in enumerate(known) if text not in kept]
        near = dict(self._whole_rows(known, matrix, again))
        if fresh and kept:
            near |= self._with_fresh(known, matrix, kept, fresh)
        return kept | near

    def _whole_rows(
        self, known: list[str], matrix: Matrix, places: list[int]
    ) -> Iterator[tuple[str, tuple[tuple[int, str], ...]]]:
        """The neighbours of these texts among all."""
        import numpy as np

        count = len(known)
        for low in range(0, len(places), NEIGHBOUR_SLICE_ROWS):
            part = places[low : low + NEIGHBOUR_SLICE_ROWS]
            products = (matrix[part] @ matrix.T).astype(np.int64)
            products[np.arange(len(part)), part] = -1  # nobody is its own neighbour
            ranked = products * count - np.arange(count)  # equal products in the order of the texts
            most = min(self._most, count)
            best = np.argpartition(-ranked, most - 1, axis=1)[:, :most]
            for n, place in enumerate(part):
                found = [(-int(products[n, at]), known[at]) for at in best[n] if products[n, at] >= self._least]
                yield known[place], tuple(sorted(found))

    def _with_fresh(
        self, known: list[str], matrix: Matrix, kept: dict[str, tuple[tuple[int, str], ...]], fresh: set[str]
    ) -> Iterator[tuple[str, tuple[tuple[int, str], ...]]]:
        """The neighbours of texts known before, the new ones among them."""
        import numpy as np

        new = [place for place, text in enumerate(known) if text in fresh]
        old = [place for place, text in enumerate(known) if text in kept]
        for low in range(0, len(old), NEIGHBOUR_SLICE_ROWS):
            part = old[low : low + NEIGHBOUR_SLICE_ROWS]
            products = matrix[part] @ matrix[new].T
            floors = np.array([self._floor(kept[known[place]]) for place in part])
            for n in np.flatnonzero((products >= floors[:, None]).any(axis=1)):
                text = known[part[n]]
                found = [(-int(products[n, at]), known[new[at]]) for at in np.flatnonzero(products[n] >= floors[n])]
                yield text, tuple(sorted((*kept[text], *found))[: self._most])

    def _floor(self, near: tuple[tuple[int, str], ...]) -> int:
        """From which product on a newcomer may be among the neighbours."""
        return self._least if len(near) < self._most else -near[-1][0]


def _whole(vectors: Any, count: int) -> Matrix:
    """The vectors as whole numbers; raises `Invalid`."""
    import numpy as np

    rows = np.asarray(vectors, dtype=np.float32)
    if rows.ndim != 2 or rows.shape[0] != count or not np.isfinite(rows).all():
        text = f"embed() of {count} texts gave an array of shape {rows.shape}, or numbers that are none"
        raise Invalid(text, code="bad_scorer", hint="one vector of unit length for each text")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    whole: Matrix = np.rint(rows / np.maximum(lengths, 1e-9) * _SCALE).astype(np.float32)
    return whole
