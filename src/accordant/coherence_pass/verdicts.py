"""What is asked of whoever judges a pair of statements that no rule decides: a learned scorer, or a judge. Shapes only.

The pass knows no model: a scorer is handed to `Checker`, and lives elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Protocol

__all__ = ["Scorer", "Verdict"]


class Verdict(StrEnum):
    """What a judge says of a pair. Only `contradiction` counts against a document; `unsure` leaves it as it was."""

    CONTRADICTION = "contradiction"
    OVERRIDE_OR_EXCEPTION = "override_or_exception"
    DIFFERENT_SCOPE = "different_scope"
    SUPERSEDED = "superseded"
    PARAPHRASE = "paraphrase"
    UNRELATED = "unrelated"
    UNSURE = "unsure"


class Scorer(Protocol):
    """Tier 1: how likely it is that two texts contradict each other.

    `report` and `possible` are the thresholds: from the first on a pair is reported, from the second on it is possible.
    `calibrated_on` names the set on which the probabilities were calibrated (None: they are a ranking). `name` and `version`
    identify the answers: a cache of them is good as long as both are the same.
    """

    name: str
    version: str
    calibrated_on: str | None
    report: float
    possible: float

    def embed(self, texts: Sequence[str]) -> Any:
        """(n, d) vectors of unit length, a list of lists or a numpy array: to find near statements, never to judge them."""

    def score(self, pairs: Sequence[tuple[str, str]]) -> Sequence[float]:
        """p(contradiction) of each pair, the same from either side. May cache by text."""
