"""The pass: passages in, one report out. A pure function of the passages, the configuration and the checker's version.

Joins claims, blocking, verdicts and grouping, keeps the budgets, and leaves out what somebody has settled. It reads and
flags; it never edits (I10).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any, Final, Literal

from accordant.coherence_pass.blocking import candidate_pairs
from accordant.coherence_pass.claims import claims_of
from accordant.coherence_pass.declared import declared_findings
from accordant.coherence_pass.from_outline import passages_of_outline
from accordant.coherence_pass.from_snapshot import outline_of_snapshot
from accordant.coherence_pass.grouping import findings_of
from accordant.coherence_pass.judging import Judging, Progress
from accordant.coherence_pass.passages import Passage
from accordant.coherence_pass.remembered import CheckerState, Work
from accordant.coherence_pass.report import CheckerInfo, CoherenceReport, Contradiction
from accordant.coherence_pass.tier_two import Judge, second_opinion
from accordant.coherence_pass.verdicts import Scorer
from accordant.document.snapshot import Snapshot
from accordant.types.errors import Invalid
from accordant.types.limits import CLAIMS_MAX, FINDINGS_MAX, PAIRS_MAX, PAIRS_PER_CLAIM_MAX

__all__ = ["Checker", "CheckerConfig", "Suppression"]

CHECKER: Final = CheckerInfo(name="accordant-rules", version="2", tiers=("rule",))


@dataclass(frozen=True, slots=True)
class Suppression:
    """A finding that somebody settled. Its id covers both statements, so it comes back when one side changes."""

    finding_id: str
    mark: Literal["accepted", "false_alarm", "superseded"]
    by: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class CheckerConfig:
    """How much to look at, and what not to tell again. `budget_ms` is None for no limit but the counted ones.

    `judge_reports`: a judge is also asked about what the scorer reports, not only about what is possible.
    """

    claims_max: int = CLAIMS_MAX
    pairs_max: int = PAIRS_MAX
    pairs_per_claim_max: int = PAIRS_PER_CLAIM_MAX
    findings_max: int = FINDINGS_MAX
    budget_ms: float | None = None
    suppressed: tuple[Suppression, ...] = ()
    judge_reports: bool = False

    def __post_init__(self) -> None:
        for name in ("claims_max", "pairs_max", "pairs_per_claim_max", "findings_max"):
            if getattr(self, name) < 1:
                raise Invalid(f"{name} is at least 1", code="bad_config", field=name)


class Checker:
    """Checks documents under one configuration.

    `scorer` is tier 1 (`verdicts.Scorer`); without one the rules alone decide. `judge` is tier 2
    (`tier_two.Judge`). `clock` (seconds, as `time.perf_counter`) serves
    `took_ms` and `budget_ms` only; without one `took_ms` is 0.
    """

    def __init__(
        self,
        config: CheckerConfig | None = None,
        clock: Callable[[], float] | None = None,
        scorer: Scorer | None = None,
        judge: Judge | None = None,
    ) -> None:
        self.config = config or CheckerConfig()
        if clock is None and self.config.budget_ms is not None:
            raise Invalid("budget_ms needs a clock", code="bad_config", field="budget_ms")
        if scorer is not None:
            _check_scorer(scorer)
        self._clock = clock or (lambda: 0.0)
        self._scorer = scorer
        self._judge = judge

    @property
    def identity(self) -> CheckerInfo:
        """Which checker this is: what is remembered of its verdicts is good for no other."""
        scorer, judge = self._scorer, self._judge
        parts = [part for part in (scorer, judge) if part is not None]
        return CheckerInfo(
            name="+".join((CHECKER.name, *(part.name for part in parts))),
            version="+".join((CHECKER.version, *(part.version for part in parts))),
            tiers=(*CHECKER.tiers, *(("head",) if scorer else ()), *(("judge",) if judge else ())),
            calibrated_on=None if scorer is None else scorer.calibrated_on,
        )

    def settling(self, suppressed: Sequence[Suppression]) -> Checker:
        """The same checker, leaving out these findings as well."""
        config = replace(self.config, suppressed=(*self.config.suppressed, *suppressed))
        return Checker(config, self._clock, self._scorer, self._judge)

    def run(
        self,
        source: Sequence[Passage] | Snapshot[Any],
        *,
        document_id: str | None = None,
        version: int | None = None,
        now: int | None = None,
        previous: CheckerState | None = None,
        progress: Progress | None = None,
        declared: Sequence[Contradiction] = (),
    ) -> CoherenceReport:
        """The report on these passages, or on a snapshot, whose name and version then are the defaults.

        `previous` remembers: only what has changed since its last run is read, embedded and judged, and the report is the same
        as without it. It belongs to this call until it returns; what it had before stays good when this raises. `now` (ms
        since 1970) is only written down. `progress(stage, done, total)` is called now and then.
        `declared`: what the schema itself finds wrong (`declared_findings`); a snapshot brings its own.
        """
        if isinstance(source, Snapshot):
            document_id = source.key.path if document_id is None else document_id
            version = source.version if version is None else version
            outline = outline_of_snapshot(source)
            declared = (*declared, *declared_findings(outline, source.document.schema))
            source = passages_of_outline(outline)
        if document_id is None or version is None:
            raise Invalid("passages need document_id= and version=", code="bad_argument")
        state = CheckerState() if previous is None else previous
        is_incremental = state.begin((self.identity, self._scorer and (self._scorer.report, self._scorer.possible)))
        named = document_id, version, now, is_incremental
        return self._run(source, state, named, progress or _untold, declared)

    def _run(
        self,
        passages: Sequence[Passage],
        state: CheckerState,
        named: tuple[str, int, int | None, bool],
        progress: Progress,
        declared: Sequence[Contradiction],
    ) -> CoherenceReport:
        started = self._clock()
        config = self.config
        extracted = claims_of(passages, config.claims_max, state.claims)
        blocked = candidate_pairs(extracted.claims, config.pairs_per_claim_max)
        settled = frozenset(item.finding_id for item in config.suppressed)
        judging = Judging(extracted.claims, state, self._scorer, settled, lambda: self._is_late(started), progress)
        near = judging.near(blocked.pairs)
        pairs = sorted(near.pairs.union(blocked.pairs)) if near.pairs else blocked.pairs
        judged = judging.run(pairs, near, config.pairs_max)
        state.work = Work(state.claims.n_read, state.neighbourhood.embedded, judging.n_ruled, judging.n_scored)
        hits, is_unheard = judged.hits, False
        if self._judge is not None:
            progress("judge", 0, len(hits))
            hits, is_unheard = second_opinion(extracted.claims, hits, self._judge, with_reports=config.judge_reports)
        definite = findings_of(extracted.claims, [hit for hit in hits if hit.mismatch.is_definite])
        possible = findings_of(extracted.claims, [hit for hit in hits if not hit.mismatch.is_definite])
        open_ones = [one for one in declared if one.id not in settled]
        definite = [*(one for one in open_ones if one.severity == "definite"), *definite]
        possible = [*(one for one in open_ones if one.severity == "possible"), *possible]
        most = config.findings_max
        is_cut = extracted.is_truncated or blocked.is_truncated or near.is_truncated or judged.is_cut or is_unheard
        document_id, version, now, is_incremental = named
        return CoherenceReport(
            document_id=document_id,
            version=version,
            coherent=not definite,
            contradictions=definite[:most],
            possible=possible[:most],
            n_claims=len(extracted.claims),
            n_pairs_considered=len(pairs),
            n_pairs_scored=judged.n_judged,
            truncated=is_cut or max(len(definite), len(possible)) > most,
            checker=self.identity,
            took_ms=round((self._clock() - started) * 1_000, 3),
            incremental=is_incremental,
            checked_at=now,
            n_suppressed=judged.n_suppressed + len(declared) - len(open_ones),
        )

    def _is_late(self, started: float) -> bool:
        budget = self.config.budget_ms
        return budget is not None and (self._clock() - started) * 1_000 > budget


def _check_scorer(scorer: Scorer) -> None:
    if not 0 <= scorer.possible <= scorer.report <= 1:
        raise Invalid(
            f"a scorer's thresholds are 0 <= possible <= report <= 1, not {scorer.possible} and {scorer.report}",
            code="bad_scorer",
        )
    if find_spec("numpy") is None:
        raise Invalid("a scorer needs numpy", code="missing_extra", hint="pip install 'accordant[semantic]'")


def _untold(stage: str, done: int, total: int) -> None:
    """Nobody asked how far the run is."""
