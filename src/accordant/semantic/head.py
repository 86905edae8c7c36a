"""The head in numpy: p(contradiction) of two texts from their token states and flags. Weights are package data.

Both sides go through the same matrices, and only what does not depend on their order is judged, so a pair has one score
from either side. Trained by training/train_head.py; docs/MODEL-CARD.md says on what, and what it is worth.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from accordant.semantic.arrays import np
from accordant.semantic.flags import PAIR_FLAGS, WORD_FLAGS, ReadWords, compared
from accordant.types.coherence_limits import HEAD_ROWS
from accordant.types.errors import Invalid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[Any]

__all__ = ["HEAD_SHA256", "Head", "HeadSide", "head_bytes"]

HEAD_SHA256: Final = "550af9179244e716d397a3466da94f74d737093ea75c45a4fd1a645d3dfe0ef0"
"""The checksum of the weights that this code was released with."""

_HEADS: Final = 4
_ROWS: Final = 64
_STEP: Final = 8
"""Sides are padded to multiples of this: few shapes, little waste."""


@dataclass(frozen=True, slots=True)
class HeadSide:
    """One text as the head sees it: projected states (one row a word piece), the word of each row, the words as read."""

    states: Any
    word_of: tuple[int, ...]
    read: ReadWords


def head_bytes() -> bytes:
    """The weights' file, as it is in the package."""
    return files("accordant.semantic").joinpath("head.npz").read_bytes()


class Head:
    """The shipped head, or one from `raw` (the bytes of a head.npz)."""

    def __init__(self, raw: bytes | None = None) -> None:
        import io

        if raw is None:
            raw = head_bytes()
            if hashlib.sha256(raw).hexdigest() != HEAD_SHA256:
                raise Invalid("the head's weights are not those of this release", code="bad_weights", file="head.npz")
        with np.load(io.BytesIO(raw), allow_pickle=False) as stored:
            weights = {name: stored[name].astype(np.float32) for name in stored.files}
        self.version = hashlib.sha256(raw).hexdigest()[:12]
        self._scale = {
            name.removeprefix("calibration."): float(weights.pop(name))
            for name in list(weights)
            if "calibration." in name
        }
        self.report, self.possible = self._scale["report"], self._scale["possible"]
        # torch keeps matrices transposed
        self._w = {name: np.ascontiguousarray(value.T) if value.ndim == 2 else value for name, value in weights.items()}

    def project(self, states: Floats) -> Floats:
        """What the head keeps of layer-4 states: its first projection, a third as wide."""
        return self._linear(states, "state")

    def score(self, pairs: Sequence[tuple[HeadSide, HeadSide]]) -> list[float]:
        """Calibrated p(contradiction) of each pair, in order."""
        scores = [0.0] * len(pairs)
        for places in _batches(pairs):
            logits = self._logits([pairs[at] for at in places])
            for at, logit in zip(places, logits, strict=True):
                exact = 1 / (1 + np.exp(-(self._scale["slope"] * float(logit) + self._scale["shift"])))
                scores[at] = round(float(exact), 6)
        return scores

    def _logits(self, pairs: Sequence[tuple[HeadSide, HeadSide]]) -> Floats:
        longest = -(-max(1, *(len(side.word_of) for pair in pairs for side in pair)) // _STEP) * _STEP
        rows = np.zeros((2 * len(pairs), longest, len(self._w["state.bias"])), np.float32)
        flags = np.zeros((2 * len(pairs), longest, len(WORD_FLAGS)), np.float32)
        mask = np.zeros((2 * len(pairs), longest), bool)
        of_pairs = np.zeros((len(pairs), len(PAIR_FLAGS)), np.float32)
        rows[:] = self._w["state.bias"]
        for number, (one, other) in enumerate(pairs):
            of_one, of_other, of_pairs[number] = compared(one.read, other.read)
            for at, side, found in ((number, one, of_one), (number + len(pairs), other, of_other)):
                size = len(side.word_of)
                mask[at, : max(1, size)] = True
                if size:
                    rows[at, :size] = side.states
                    flags[at, :size] = np.asarray(found, np.float32)[list(side.word_of)]
        return self._through(rows, flags, mask, of_pairs)

    def _through(self, rows: Floats, flags: Floats, mask: Floats, of_pairs: Floats) -> Floats:
        count = len(of_pairs)
        swap = np.r_[count : 2 * count, 0:count]
        rows = self._normed(rows + flags @ self._w["flag.weight"], 0)
        query, key, value = self._parts(rows, "cross")
        seen = _attended(query, key[swap], value[swap], mask[swap])
        beside = np.concatenate([rows, seen, rows - seen, rows * seen], axis=-1)
        rows = self._normed(rows + self._linear(np.maximum(self._linear(beside, "compare1"), 0), "compare2"), 1)
        query, key, value = self._parts(rows, "own")
        rows = self._normed(rows + self._linear(_attended(query, key, value, mask), "mix"), 2)
        rows = self._normed(rows + self._linear(np.maximum(self._linear(rows, "inner1"), 0), "inner2"), 3)
        kept = mask[:, :, None]
        most = np.where(kept, rows, np.float32(-1e4)).max(axis=1)
        mean = (rows * kept).sum(axis=1) / kept.sum(axis=1)
        pooled = np.concatenate([most, mean], axis=-1)
        one, other = pooled[:count], pooled[count:]
        last = np.concatenate([one + other, np.abs(one - other), of_pairs], axis=-1)
        return self._linear(np.maximum(self._linear(last, "last1"), 0), "last2")[:, 0]

    def _linear(self, rows: Floats, name: str) -> Floats:
        matrix = self._w[f"{name}.weight"]
        flat: Floats = rows.reshape(-1, rows.shape[-1])
        count = len(flat)
        if (
            count % _ROWS
        ):  # one code path multiplies every row, so that a pair's score does not depend on its neighbours
            flat = np.concatenate([flat, np.zeros((-count % _ROWS, flat.shape[1]), np.float32)])
        flat = (flat @ matrix)[:count]
        if f"{name}.bias" in self._w:
            flat += self._w[f"{name}.bias"]
        return flat.reshape(*rows.shape[:-1], matrix.shape[1])

    def _parts(self, rows: Floats, name: str) -> Iterator[Floats]:
        for part in np.split(self._linear(rows, name), 3, axis=-1):
            yield part.reshape(*part.shape[:2], _HEADS, -1).transpose(0, 2, 1, 3)

    def _normed(self, rows: Floats, number: int) -> Floats:
        rows = rows - rows.mean(axis=-1, keepdims=True)
        rows /= np.sqrt((rows * rows).mean(axis=-1, keepdims=True) + 1e-5)
        rows *= self._w[f"norm{number}.weight"]
        rows += self._w[f"norm{number}.bias"]
        return rows


def _attended(query: Floats, key: Floats, value: Floats, mask: Floats) -> Floats:
    scores = query @ key.transpose(0, 1, 3, 2)
    scores *= query.shape[-1] ** -0.5
    scores = np.where(mask[:, None, None, :], scores, np.float32(-1e9))
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    seen: Floats = (scores @ value).transpose(0, 2, 1, 3)
    return seen.reshape(*seen.shape[:2], -1)


def _batches(pairs: Sequence[tuple[HeadSide, HeadSide]]) -> Iterator[list[int]]:
    """Places of pairs of about one length, as many as HEAD_ROWS allows."""
    lengths = [max(1, len(one.word_of), len(other.word_of)) for one, other in pairs]
    batch: list[int] = []
    for at in sorted(range(len(pairs)), key=lambda at: (lengths[at], at)):
        padded = -(-lengths[at] // _STEP) * _STEP
        if batch and 2 * padded * (len(batch) + 1) > HEAD_ROWS:
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch
