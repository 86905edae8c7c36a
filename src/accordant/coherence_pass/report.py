"""What the pass answers: the report and its findings as pydantic models, the same on every surface.

Data only. `coherent` follows from `contradictions`; the `possible` list never makes a document incoherent.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["CheckerInfo", "CoherenceReport", "Contradiction", "Side"]

Kind = Literal["numeric", "temporal", "negation", "antonym", "entity", "keyed_fact", "semantic"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Side(_Frozen):
    """One of the statements that exclude each other. [start, end) counts characters of the region's text.

    `written_at` is in milliseconds since 1970. `read`: the (path, version) pairs that its author had read.
    """

    claim_id: str
    path: str
    start: int
    end: int
    text: str
    authors: list[str]
    version: int
    written_at: int | None = None
    heading: tuple[str, ...] = ()
    read: list[tuple[str, int]] = []


class Contradiction(_Frozen):
    """One cause. `id` comes from the two statements and their scopes: it changes when either does.

    `also`: further statements of the same cause, the first few; `n_statements` counts all. `doubts`: why a possible
    finding is no more than that. `pairs`: the ids of all pairs of statements of the cause, its own among them, which settling it
    settles. `newer`: the side written later, None where both came in one version.
    `confidence` is a ranking unless `calibrated`.
    """

    id: str
    a: Side
    b: Side
    kind: Kind
    confidence: float = Field(ge=0, le=1)
    calibrated: bool
    tier: Literal["rule", "head", "judge"]
    severity: Literal["definite", "possible"]
    detail: str
    mismatch: tuple[str, str] | None
    cross_author: bool
    first_seen_version: int
    newer: Literal["a", "b"] | None
    doubts: list[str] = []
    also: list[Side] = []
    n_statements: int = 2
    pairs: list[str] = []


class CheckerInfo(_Frozen):
    """Which checker answered, and on which set its confidences were calibrated (None: they were not)."""

    name: str
    version: str
    tiers: tuple[str, ...]
    calibrated_on: str | None = None


class CoherenceReport(_Frozen):
    """One pass over one version of a document. `truncated`: a bound stopped the looking, so `coherent` is no proof.

    `checked_at` is in milliseconds since 1970. `n_suppressed` counts pairs that somebody had settled before.
    """

    document_id: str
    version: int
    coherent: bool
    contradictions: list[Contradiction]
    possible: list[Contradiction]
    n_claims: int
    n_pairs_considered: int
    n_pairs_scored: int
    truncated: bool
    checker: CheckerInfo
    took_ms: float
    incremental: bool
    checked_at: int | None = None
    n_suppressed: int = 0

    @model_validator(mode="after")
    def _coherent_follows(self) -> CoherenceReport:
        if self.coherent is bool(self.contradictions):
            raise ValueError("coherent says the opposite of contradictions")
        return self
