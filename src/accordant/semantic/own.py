"""The scorer that ships with the package: the encoder, and the head over its states. Works offline, on numpy alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accordant.semantic.encoder import Encoded, Encoder
from accordant.semantic.flags import ReadWords, read_words
from accordant.semantic.head import Head, HeadSide
from accordant.types.coherence_limits import HEAD_REPORT, READ_TEXTS_MAX

__all__ = ["OwnModel"]


class OwnModel:
    """A `Scorer`: `Checker(scorer=OwnModel())`. Loads in a tenth of a second; texts are encoded once (see `Encoder`).

    `folder` holds another copy of MiniLM's files, where the package that carries them is not wanted.
    """

    name: str = "accordant-head"
    calibrated_on: str | None = "development pairs with contradictions at one in twenty (docs/MODEL-CARD.md)"

    def __init__(self, folder: Path | None = None) -> None:
        self._head = Head()
        self._encoder = Encoder(folder, reduce=self._head.project)
        self._read: dict[tuple[str, ...], ReadWords] = {}
        self.version = f"{self._head.version}-{HEAD_REPORT}"
        self.report, self.possible = HEAD_REPORT, self._head.possible

    def embed(self, texts: Sequence[str]) -> Any:
        """(n, 384) vectors of unit length."""
        return self._encoder.embed(texts)

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Calibrated p(contradiction) of each pair, the same from either side. No statement contradicts itself."""
        texts = list(dict.fromkeys(text for pair in pairs for text in pair))
        sides = {text: self._side(encoded) for text, encoded in zip(texts, self._encoder.encode(texts), strict=True)}
        # One order for both sides, so that a pair and its mirror are one computation to the last bit.
        scores = self._head.score([(sides[min(pair)], sides[max(pair)]) for pair in pairs])
        return [0.0 if one == other else score for (one, other), score in zip(pairs, scores, strict=True)]

    def _side(self, encoded: Encoded) -> HeadSide:
        read = self._read.get(encoded.words)
        if read is None:
            if len(self._read) >= READ_TEXTS_MAX:
                self._read.clear()
            read = self._read[encoded.words] = read_words(encoded.words)
        return HeadSide(encoded.states, encoded.word_of, read)
