"""Who wrote which characters of a text: runs with the version that brought them."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass

from accordant.engine.render import unit_versions
from accordant.engine.state import DocumentState

__all__ = ["Run", "blame"]

_PAIR = re.compile("[\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Run:
    """Characters `start` to `end` (exclusive) came with `version`, written by `actor`."""

    start: int
    end: int
    actor: str
    version: int


def blame(state: DocumentState, region: str) -> list[Run]:
    """The runs of a text region, in order, together covering it."""
    text = state.replica.text(region)
    if not text:
        return []
    pairs = [found.start() for found in _PAIR.finditer(text)]  # characters of two units
    seconds = [at + n + 1 for n, at in enumerate(pairs)]  # the units that are their second halves
    runs: list[Run] = []
    start = 0
    for unit, version in unit_versions(state.replica, state.ledger, region, state.head):
        end = unit - bisect_left(seconds, unit)
        if end > start:  # a character belongs to whoever brought its first half; both came together
            runs.append(Run(start, end, state.actors.of(version)[0] or "?", version))
        start = end
    return runs
