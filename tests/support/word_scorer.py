"""A scorer without a model, for the tests of what surrounds one: vectors of hashed words, and a verdict on one changed word."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

WIDTH = 96


class WordScorer:
    """Two statements contradict each other when each has exactly one word for itself and they share at least three.

    `surely`: what it says then; 0.05 otherwise. Counts what it was asked.
    """

    def __init__(self, surely: float = 0.95, name: str = "words", version: str = "1") -> None:
        self.name, self.version, self.calibrated_on = name, version, "one changed word"
        self.report, self.possible = 0.9, 0.5
        self._surely = surely
        self.embedded: list[str] = []
        self.scored: list[tuple[str, str]] = []

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """The sum of a fixed random vector per word, of unit length."""
        self.embedded.extend(texts)
        rows = np.array([sum((_vector(word) for word in _words(text)), np.zeros(WIDTH)) for text in texts])
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """The same from either side."""
        self.scored.extend(pairs)
        return [self._one(set(_words(a)), set(_words(b))) for a, b in pairs]

    def _one(self, a: set[str], b: set[str]) -> float:
        return self._surely if len(a - b) == len(b - a) == 1 and len(a & b) >= 3 else 0.05


def _words(text: str) -> list[str]:
    return text.casefold().rstrip(".").split()


def _vector(word: str) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).standard_normal(WIDTH)
