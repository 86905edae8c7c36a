"""The pass: passages in, one report out. A pure function of the passages, the configuration and the checker's version.

Joins claims, blocking, rules and grouping, keeps the budgets, and leaves out what somebody has settled. It reads and
flags; it never edits (I10).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from accordant.coherence_pass.blocking import candidate_pairs
from accordant.coherence_pass.claims import Claim, claims_of
from accordant.coherence_pass.grouping import Hit, findings_of, pair_id
from accordant.coherence_pass.passages import Passage
from accordant.coherence_pass.report import CheckerInfo, CoherenceReport
from accordant.coherence_pass.rules import judge
from accordant.types.errors import Invalid
from accordant.types.limits import CLAIMS_MAX, FINDINGS_MAX, PAIRS_MAX, PAIRS_PER_CLAIM_MAX

__all__ = ["Checker", "CheckerConfig", "Suppression"]

CHECKER: Final = CheckerInfo(name="accordant-rules", version="1", tiers=("rule",))
_CLOCK_EVERY: Final = 256


@dataclass(frozen=True, slots=True)
class Suppression:
    """A finding that somebody settled. Its id covers both statements, so it comes back when one side changes."""

    finding_id: str
    mark: Literal["accepted", "false_alarm", "superseded"]
    by: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class CheckerConfig:
    """How much to look at, and what not to tell again. `budget_ms` is None for no limit but the counted ones."""

    claims_max: int = CLAIMS_MAX
    pairs_max: int = PAIRS_MAX
    pairs_per_claim_max: int = PAIRS_PER_CLAIM_MAX
    findings_max: int = FINDINGS_MAX
    budget_ms: float | None = None
    suppressed: tuple[Suppression, ...] = ()

    def __post_init__(self) -> None:
        for name in ("claims_max", "pairs_max", "pairs_per_claim_max", "findings_max"):
            if getattr(self, name) < 1:
                raise Invalid(f"{name} is at least 1", code="bad_config", field=name)


class Checker:
    """Checks documents under one configuration.

    `clock` (seconds, as `time.perf_counter`) serves `took_ms` and `budget_ms` only; without one `took_ms` is 0.
    """

    def __init__(self, config: CheckerConfig | None = None, clock: Callable[[], float] | None = None) -> None:
        self.config = config or CheckerConfig()
        if clock is None and self.config.budget_ms is not None:
            raise Invalid("budget_ms needs a clock", code="bad_config", field="budget_ms")
        self._clock = clock or (lambda: 0.0)

    def run(
        self, passages: Sequence[Passage], *, document_id: str, version: int, now: int | None = None
    ) -> CoherenceReport:
        """The report on these passages. `now` (ms since 1970) is only written down."""
        started = self._clock()
        extracted = claims_of(passages, self.config.claims_max)
        blocked = candidate_pairs(extracted.claims, self.config.pairs_per_claim_max)
        judged = self._judged(extracted.claims, blocked.pairs, started)
        definite = findings_of(extracted.claims, [hit for hit in judged.hits if hit.mismatch.is_definite])
        possible = findings_of(extracted.claims, [hit for hit in judged.hits if not hit.mismatch.is_definite])
        most = self.config.findings_max
        return CoherenceReport(
            document_id=document_id,
            version=version,
            coherent=not definite,
            contradictions=definite[:most],
            possible=possible[:most],
            n_claims=len(extracted.claims),
            n_pairs_considered=len(blocked.pairs),
            n_pairs_scored=judged.n_scored,
            truncated=extracted.is_truncated
            or blocked.is_truncated
            or judged.is_cut
            or max(len(definite), len(possible)) > most,
            checker=CHECKER,
            took_ms=round((self._clock() - started) * 1_000, 3),
            incremental=False,
            checked_at=now,
            n_suppressed=judged.n_suppressed,
        )

    def _judged(self, claims: Sequence[Claim], pairs: Sequence[tuple[int, int]], started: float) -> _Judged:
        settled = {item.finding_id for item in self.config.suppressed}
        hits: list[Hit] = []
        suppressed = 0
        for count, (first, second) in enumerate(pairs):
            if count >= self.config.pairs_max or (count % _CLOCK_EVERY == 0 and self._is_late(started)):
                return _Judged(tuple(hits), count, suppressed, True)
            mismatch = judge(claims[first], claims[second])
            if mismatch is None:
                continue
            if settled and pair_id(claims[first], claims[second]) in settled:
                suppressed += 1
            else:
                hits.append(Hit(first, second, mismatch))
        return _Judged(tuple(hits), len(pairs), suppressed, False)

    def _is_late(self, started: float) -> bool:
        budget = self.config.budget_ms
        return budget is not None and (self._clock() - started) * 1_000 > budget


@dataclass(frozen=True, slots=True)
class _Judged:
    """What judging the pairs gave. `is_cut`: a budget ended it."""

    hits: tuple[Hit, ...]
    n_scored: int
    n_suppressed: int
    is_cut: bool
