"""The stages of the gate in their order, and how many texts each has let through or turned away on this handle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accordant.patterns.corpus.personal_data import personal_data
from accordant.patterns.corpus.settings import Stage
from accordant.types.pattern_limits import CORPUS_TEXT_CHARS_MAX

__all__ = ["Counters", "Rejection", "rejection"]


@dataclass(frozen=True, slots=True)
class Rejection:
    """Which stage says no, and why."""

    stage: str
    reason: str


class Counters:
    """How often each stage said what. Kept by a handle for itself; the log has what was written."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, int]] = {}

    def note(self, stage: str, outcome: str) -> None:
        """One more."""
        found = self._counts.setdefault(stage, {})
        found[outcome] = found.get(outcome, 0) + 1

    def shown(self) -> dict[str, dict[str, int]]:
        """By stage and outcome."""
        return {stage: dict(found) for stage, found in self._counts.items()}


def rejection(stages: Sequence[Stage], text: str, beside: Sequence[str], counters: Counters) -> Rejection | None:
    """The first stage that says no; None: all let it pass. `beside`: what is written down with the text, and may hold no
    personal data either. Nothing after the stage that says no is asked."""
    if len(text) > CORPUS_TEXT_CHARS_MAX:
        counters.note("length", "rejected")
        return Rejection(
            "length", f"it has {len(text)} characters, the most is {CORPUS_TEXT_CHARS_MAX}: one fact at a time"
        )
    for stage in stages:
        asked = (text, *beside) if stage is personal_data else (text,)
        reason = next((reason for one in asked if (reason := stage(one)) is not None), None)
        counters.note(stage.__name__, "passed" if reason is None else "rejected")
        if reason is not None:
            return Rejection(stage.__name__, reason)
    return None
