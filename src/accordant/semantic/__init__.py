"""Learned verdicts: an encoder, a small head over its states, other people's cross-encoders. Loaded only when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accordant.coherence_pass.verdicts import Scorer

__all__ = ["scorer_named"]


def scorer_named(name: str = "own") -> Scorer:
    """`own`: the scorer that ships with the package. Any other name: a cross-encoder by its hub name or folder."""
    if name == "own":
        from accordant.semantic.own import OwnModel

        return OwnModel()
    from accordant.semantic.nli import NliModel

    return NliModel(name)
