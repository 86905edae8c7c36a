"""Vectors of texts, kept by the text's hash and the model's name: derived, so that a changed text or another model never finds
an old one.

Nothing here says which text is current: whoever asks brings the texts as they are now, and gets the scores of those.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from accordant.semantic.arrays import np
from accordant.types.errors import Invalid
from accordant.types.pattern_limits import VECTORS_MAX

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Embed", "Vectors", "minilm"]

Embed = Callable[[Sequence[str]], Any] | Callable[[Sequence[str]], Awaitable[Any]]
"""Texts to vectors of one length, plain or `async`. A plain one runs in a thread, so that it holds nobody."""


class Vectors:
    """Cosine scores. `model` names the model, `embed_query` is for models that embed questions in another way than answers."""

    def __init__(self, embed: Embed, model: str, embed_query: Embed | None = None) -> None:
        self._embed = embed
        self._embed_query = embed_query or embed
        self.model = model
        self._places: dict[bytes, int] = {}
        self._rows: NDArray[Any] = np.zeros((0, 0), np.float32)

    async def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        """The cosine of the query and each text, in order. Raises `Invalid` (`too_many_texts`, `bad_vectors`)."""
        digests = [self._digest(text) for text in texts]
        wanted = dict(zip(digests, texts, strict=True))
        if len(wanted) > VECTORS_MAX:
            text = f"{len(wanted)} texts in one search, the limit is {VECTORS_MAX}"
            raise Invalid(text, code="too_many_texts", hint="narrow its prefix or its filter")
        question = (await _vectors(self._embed_query, [query], None))[0]
        missing = [digest for digest in wanted if digest not in self._places]
        made = await _vectors(self._embed, [wanted[digest] for digest in missing], len(question)) if missing else None
        # Nobody else runs from here on: what others have let go meanwhile is seen now.
        rows = dict(zip(missing, made, strict=True)) if made is not None else {}
        self._keep(wanted, rows, len(question))
        places = np.fromiter((self._places[digest] for digest in digests), np.int64, len(digests))
        return [float(score) for score in self._rows[places] @ question]

    def _keep(self, wanted: dict[bytes, str], fresh: dict[bytes, Any], size: int) -> None:
        new = {digest: row for digest, row in fresh.items() if digest not in self._places}
        if self._rows.shape[1] != size or len(self._places) + len(new) > VECTORS_MAX:
            stay = {d: self._rows[p] for d, p in self._places.items() if d in wanted and self._rows.shape[1] == size}
            new, self._places = stay | new, {}
            self._rows = np.zeros((0, size), np.float32)
        if absent := [digest for digest in wanted if digest not in self._places and digest not in new]:
            raise Invalid(f"{len(absent)} vectors were let go meanwhile", code="bad_vectors", hint="search again")
        if new:
            used = len(self._places)
            if used + len(new) > len(self._rows):  # grown by half, so that growing costs each vector a few copies
                grown = np.zeros((max(used + len(new), len(self._rows) * 3 // 2), size), np.float32)
                grown[:used] = self._rows[:used]
                self._rows = grown
            self._rows[used : used + len(new)] = np.stack(list(new.values()))
            self._places |= {digest: used + n for n, digest in enumerate(new)}

    def _digest(self, text: str) -> bytes:
        return hashlib.blake2b(f"{self.model}\0{text}".encode(), digest_size=16).digest()


def minilm() -> Vectors:
    """With the encoder that the extra brings; it is loaded by the first search. Raises `AccordantError`, `missing_extra`,
    then."""
    loaded: list[Any] = []

    def embed(texts: Sequence[str]) -> Any:
        if not loaded:
            from accordant.semantic.encoder import Encoder

            loaded.append(Encoder())
        return loaded[0].embed(texts)

    return Vectors(embed, "all-MiniLM-L6-v2")


async def _vectors(embed: Embed, texts: Sequence[str], size: int | None) -> Any:
    """One row of unit length per text (a row of zeros stays what it is)."""
    if inspect.iscoroutinefunction(embed) or inspect.iscoroutinefunction(getattr(embed, "__call__", None)):  # noqa: B004
        made = await embed(texts)
    else:
        made = await asyncio.to_thread(embed, texts)
        if inspect.isawaitable(made):
            made = await made
    try:
        rows = np.asarray(made, np.float32)
    except (TypeError, ValueError) as error:
        raise Invalid(f"embed= gave no vectors: {error}", code="bad_vectors") from error
    if rows.ndim != 2 or len(rows) != len(texts) or (size is not None and rows.shape[1] != size):
        wanted = f"{len(texts)} vectors" + ("" if size is None else f" of {size} numbers")
        raise Invalid(f"embed= gave an array of shape {rows.shape} for {wanted}", code="bad_vectors")
    if not np.isfinite(rows).all():
        raise Invalid("embed= gave a vector with a number that is none", code="bad_vectors")
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length > 0, length, 1)
