"""Who wrote which characters of a text: runs with the version that brought them."""

from __future__ import annotations

from dataclasses import dataclass

from accordant.engine.render import unit_versions
from accordant.engine.state import DocumentState

__all__ = ["Run", "blame"]


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
    versions = unit_versions(state.replica, state.ledger, region)
    runs: list[Run] = []
    unit = 0
    for index, character in enumerate(text):
        version = versions[unit]
        unit += 2 if character > "\uffff" else 1
        if runs and runs[-1].version == version:
            runs[-1] = Run(runs[-1].start, index + 1, runs[-1].actor, version)
        else:
            runs.append(Run(index, index + 1, state.actors.of(version)[0] or "?", version))
    return runs
