"""MiniLM in numpy: the token states of its fourth layer, and sentence vectors of its last. Each text is encoded once.

No torch: on two cores numpy's matrix products are as fast, load in milliseconds, and give the same
bits for a text whatever stands beside it: rows go in multiples of `_ROWS`, so that one code path multiplies them all.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from accordant.semantic.arrays import np
from accordant.semantic.weights import encoder_folder, tensors
from accordant.semantic.wordpiece import WordPiece
from accordant.types.coherence_limits import ENCODED_PIECES_MAX, ENCODER_TILE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[Any]
    Halves = NDArray[Any]

__all__ = ["STATE_LAYER", "Encoded", "Encoder"]

STATE_LAYER: Final = 4
_ROWS: Final = 64
_EPSILON: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Encoded:
    """One text: a state for each piece (the marks at both ends left out), the word of each, the words, one vector."""

    states: Halves
    vector: Floats
    word_of: tuple[int, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Layer:
    qkv: Floats
    qkv_bias: Floats
    out: Floats
    out_bias: Floats
    out_norm: tuple[Floats, Floats]
    inner: Floats
    inner_bias: Floats
    outer: Floats
    outer_bias: Floats
    outer_norm: tuple[Floats, Floats]


class Encoder:
    """The installed MiniLM, or another BERT of its shape in `folder`. Safe to use from several threads, one at a time.

    `reduce` turns layer-4 states into what is kept of them (the head keeps its first projection, a third of the size).
    """

    def __init__(self, folder: Path | None = None, reduce: Callable[[Floats], Floats] | None = None) -> None:
        folder = folder or encoder_folder()
        self._words = WordPiece((folder / "vocab.txt").read_text(encoding="utf-8").splitlines())
        self._weights = tensors(folder / "model.safetensors")
        count = 1 + max(int(name.split(".")[2]) for name in self._weights if name.startswith("encoder.layer."))
        self._layers = [self._layer(number) for number in range(count)]
        self._reduce = reduce or (lambda states: states)
        self._kept: OrderedDict[bytes, Encoded] = OrderedDict()
        self._kept_pieces = 0
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """The texts' encodings, in order; known ones from the cache."""
        keys = [hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts]
        with self._lock:
            fresh = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._kept}
            found = {key: self._kept[key] for key in keys if key in self._kept}
            for key, encoded in self._encoded(fresh):
                found[key] = encoded
                self._keep(key, encoded)
            for key in found:
                if key in self._kept:
                    self._kept.move_to_end(key)
        return [found[key] for key in keys]

    def embed(self, texts: Sequence[str]) -> Floats:
        """The texts' vectors, of unit length, one row each."""
        if not texts:
            return np.zeros((0, self._weights["embeddings.word_embeddings.weight"].shape[1]), np.float32)
        return np.stack([encoded.vector for encoded in self.encode(texts)])

    @property
    def kept_pieces(self) -> int:
        """How many word pieces' states are in the cache."""
        return self._kept_pieces

    def _keep(self, key: bytes, encoded: Encoded) -> None:
        self._kept[key] = encoded
        self._kept_pieces += len(encoded.word_of)
        while self._kept_pieces > ENCODED_PIECES_MAX and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._kept_pieces -= len(dropped.word_of)

    def _encoded(self, fresh: dict[bytes, str]) -> Iterator[tuple[bytes, Encoded]]:
        read = sorted(((key, self._words.pieces(text)) for key, text in fresh.items()), key=lambda one: len(one[1].ids))
        start = 0
        while start < len(read):
            end, size = start, 0
            while end < len(read) and (end == start or size + len(read[end][1].ids) <= ENCODER_TILE):
                size += len(read[end][1].ids)
                end += 1
            tile = read[start:end]
            states, vectors = self._run([pieces.ids for _, pieces in tile])
            for (key, pieces), kept, vector in zip(tile, states, vectors, strict=True):
                yield key, Encoded(kept, vector, pieces.word_of[1:-1], pieces.words)
            start = end

    def _run(self, texts: Sequence[tuple[int, ...]]) -> tuple[list[Halves], list[Floats]]:
        ends = np.cumsum([len(ids) for ids in texts]).tolist()
        spans = [(end - len(ids), end) for end, ids in zip(ends, texts, strict=True)]
        table, places = (self._weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position"))
        rows = np.zeros((-(-ends[-1] // _ROWS) * _ROWS, table.shape[1]), np.float32)
        for (start, end), ids in zip(spans, texts, strict=True):
            rows[start:end] = table[list(ids)] + places[: len(ids)]
        rows += self._weights["embeddings.token_type_embeddings.weight"][0]
        rows = _normed(rows, self._norm("embeddings.LayerNorm"))
        states: list[Halves] = []
        for number, layer in enumerate(self._layers, 1):
            rows = _through(rows, layer, spans)
            if number == STATE_LAYER:
                kept = self._reduce(rows)
                states = [kept[start + 1 : end - 1].astype(np.float16) for start, end in spans]
        vectors = []
        for start, end in spans:
            mean = rows[start:end].mean(axis=0)
            vectors.append(mean / np.maximum(np.sqrt(mean @ mean), _EPSILON))
        return states, vectors

    def _layer(self, number: int) -> _Layer:
        prefix = f"encoder.layer.{number}."

        def transposed(name: str) -> Floats:
            return np.ascontiguousarray(self._weights[f"{prefix}{name}.weight"].T)

        def bias(name: str) -> Floats:
            return np.asarray(self._weights[f"{prefix}{name}.bias"])

        heads = [f"attention.self.{part}" for part in ("query", "key", "value")]
        return _Layer(
            np.concatenate([transposed(name) for name in heads], axis=1),
            np.concatenate([bias(name) for name in heads]),
            transposed("attention.output.dense"),
            bias("attention.output.dense"),
            self._norm(f"{prefix}attention.output.LayerNorm"),
            transposed("intermediate.dense"),
            bias("intermediate.dense"),
            transposed("output.dense"),
            bias("output.dense"),
            self._norm(f"{prefix}output.LayerNorm"),
        )

    def _norm(self, name: str) -> tuple[Floats, Floats]:
        return np.asarray(self._weights[f"{name}.weight"]), np.asarray(self._weights[f"{name}.bias"])


_HEAD_SIZE: Final = 32


def _through(rows: Floats, layer: _Layer, spans: Sequence[tuple[int, int]]) -> Floats:
    qkv = rows @ layer.qkv
    qkv += layer.qkv_bias
    seen = np.zeros_like(rows)
    for start, end in spans:
        seen[start:end] = _attended(qkv[start:end])
    mixed = seen @ layer.out
    mixed += layer.out_bias
    mixed += rows
    mixed = _normed(mixed, layer.out_norm)
    inner = mixed @ layer.inner
    inner += layer.inner_bias
    outer = _gelu(inner) @ layer.outer
    outer += layer.outer_bias
    outer += mixed
    return _normed(outer, layer.outer_norm)


def _attended(qkv: Floats) -> Floats:
    count, width = len(qkv), qkv.shape[1] // 3
    query, key, value = qkv.reshape(count, 3, width // _HEAD_SIZE, _HEAD_SIZE).transpose(1, 2, 0, 3)
    scores = query @ key.transpose(0, 2, 1)
    scores *= _HEAD_SIZE**-0.5
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    return (scores @ value).transpose(1, 0, 2).reshape(count, width)


def _normed(rows: Floats, norm: tuple[Floats, Floats]) -> Floats:
    rows = rows - rows.mean(axis=-1, keepdims=True)
    spread = np.einsum("ij,ij->i", rows, rows)[:, None] / rows.shape[1]
    rows /= np.sqrt(spread + _EPSILON)
    rows *= norm[0]
    rows += norm[1]
    return rows


_ERF: Final = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
"""Abramowitz and Stegun 7.1.26: the error function to 2e-7, which is what float32 has."""


def _gelu(rows: Floats) -> Floats:
    """In place, in slices that stay in the processor's cache: a dozen passes over each number."""
    for start in range(0, len(rows), _ROWS):
        rows[start : start + _ROWS] = _gelu_slice(rows[start : start + _ROWS])
    return rows


def _gelu_slice(rows: Floats) -> Floats:
    size = np.abs(rows)
    size *= 0.70710678
    part = 1 / (1 + 0.3275911 * size)
    total: Any = _ERF[4]
    for factor in _ERF[3::-1]:
        total = total * part + factor
    total *= part
    np.multiply(size, size, out=size)
    np.negative(size, out=size)
    np.exp(size, out=size)
    total *= size
    np.subtract(1, total, out=total)
    return np.asarray(rows * (1 + np.copysign(total, rows)) * 0.5)
