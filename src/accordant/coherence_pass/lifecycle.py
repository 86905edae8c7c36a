"""The life of a finding: open, then resolved or dismissed by somebody, or closed because it is no longer found. Pure.

| from | to | by |
|---|---|---|
| - | open | a pass that finds it |
| open | resolved, dismissed | somebody, with a reason |
| open | closed | a whole pass that does not find it: a side is gone or has changed |
| closed | open | a pass that finds it again |

A finding is named by the hashes of both its statements. So one that was resolved or dismissed stays silent until a side changes:
then it is another finding. It must not know where records are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from accordant.coherence_pass.checker import Suppression
from accordant.coherence_pass.report import CheckerInfo, CoherenceReport, Contradiction
from accordant.types.coherence_limits import FINDINGS_CLOSED_KEPT, FINDINGS_SETTLED_KEPT, FINDINGS_STORED_MAX
from accordant.types.errors import Conflict, Invalid

__all__ = ["HEAD", "Finding", "Kept", "ReportHead"]

HEAD: Final = "report"
"""The key of the newest report among the findings, which are kept by their ids."""

Status = Literal["open", "resolved", "dismissed", "closed"]
_SETTLED: Final = ("resolved", "dismissed")


class Finding(BaseModel):
    """What is kept of a finding. `by` and `why`: who settled it and for what reason. `opened_in`, `changed_in`: versions."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    status: Status
    finding: Contradiction
    opened_in: int
    changed_in: int
    by: str | None = None
    why: str | None = None


class ReportHead(BaseModel):
    """A report without its findings, which are kept each for itself: `contradictions` and `possible` name them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    document_id: str
    version: int
    coherent: bool
    contradictions: list[str]
    possible: list[str]
    n_claims: int
    n_pairs_considered: int
    n_pairs_scored: int
    truncated: bool
    checker: CheckerInfo
    took_ms: float
    incremental: bool
    checked_at: int | None = None
    n_suppressed: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """The newest report and all findings that are kept of a document."""

    head: ReportHead | None = None
    findings: Mapping[str, Finding] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Kept:
        """From what the region holds. What is no record is somebody else's, and is passed over."""
        head: ReportHead | None = None
        findings: dict[str, Finding] = {}
        for key, value in values.items():
            try:
                if key == HEAD:
                    head = ReportHead.model_validate(value)
                elif (one := Finding.model_validate(value)).id == key:
                    findings[key] = one
            except ValidationError:
                continue
        return cls(head, findings)

    @classmethod
    def of_report(cls, report: CoherenceReport) -> Kept:
        """What would be kept if nothing had been kept before."""
        nothing = cls()
        return cls.of({**nothing.changes(report), HEAD: nothing.head_of(report)})

    def counts(self) -> Counter[tuple[str, str]]:
        """Findings by status and kind; an open one that is only possible has the status `possible`."""
        return Counter(
            (
                "possible" if one.status == "open" and one.finding.severity == "possible" else one.status,
                one.finding.kind,
            )
            for one in self.findings.values()
        )

    @property
    def suppressed(self) -> tuple[Suppression, ...]:
        """What the next pass is not to tell again: every pair of every settled finding."""
        return tuple(
            Suppression(pair, "accepted" if one.status == "resolved" else "false_alarm", one.by or "", one.why or "")
            for one in self.findings.values()
            if one.status in _SETTLED
            for pair in dict.fromkeys((one.id, *one.finding.pairs))
        )

    def with_status(self, *statuses: Status) -> list[Finding]:
        """The findings with one of these, oldest first."""
        found = [one for one in self.findings.values() if one.status in statuses]
        return sorted(found, key=lambda one: (one.opened_in, one.id))

    def report(self) -> CoherenceReport | None:
        """The newest report as a whole, without what was settled since; None before the first."""
        if self.head is None:
            return None
        shown = self.head.model_dump(exclude={"contradictions", "possible", "coherent"})
        lists = [self._open(ids) for ids in (self.head.contradictions, self.head.possible)]
        coherent = self.head.coherent or not lists[0]
        return CoherenceReport(**shown, coherent=coherent, contradictions=lists[0], possible=lists[1])

    def _open(self, ids: Iterable[str]) -> list[Contradiction]:
        found = (self.findings.get(one) for one in ids)
        return [one.finding for one in found if one is not None and one.status == "open"]

    def settled(self, finding_id: str, status: Status, by: str, why: str, version: int) -> Finding:
        """The finding as somebody settles it. Raises `Invalid` for one that is not there or without a reason, `Conflict` for one
        that is not open."""
        if not why.strip():
            raise Invalid("say why: a settled finding is silent from now on", code="no_reason", path=finding_id)
        one = self.findings.get(finding_id)
        if one is None:
            raise Invalid(
                f"there is no finding {finding_id!r}", code="unknown_finding", hint="the report of a pass has its ids"
            )
        if one.status != "open":
            who = f" by {one.by}" if one.by else ""
            raise Conflict(f"finding {finding_id} is {one.status} already{who}", code="not_open", path=finding_id)
        return one.model_copy(update={"status": status, "by": by, "why": why, "changed_in": version})

    def changes(self, report: CoherenceReport) -> dict[str, Any]:
        """What has to be written so that this report is kept, None for what has to go; without the head, which comes last.

        A truncated report closes nothing: what it did not find may be where it did not look.
        """
        new: dict[str, Any] = {}
        present: set[str] = set()
        for finding in (*report.contradictions, *report.possible)[:FINDINGS_STORED_MAX]:
            present.add(finding.id)
            known = self.findings.get(finding.id)
            if known is None or known.status == "closed":
                new[finding.id] = Finding(
                    id=finding.id, status="open", finding=finding, opened_in=report.version, changed_in=report.version
                )
            elif known.status == "open" and known.finding != finding:
                new[finding.id] = known.model_copy(update={"finding": finding, "changed_in": report.version})
        for one in self.with_status("open"):
            if one.id not in present and not report.truncated:
                new[one.id] = one.model_copy(update={"status": "closed", "changed_in": report.version})
        after = {**self.findings, **new}
        kept = {"closed": FINDINGS_CLOSED_KEPT, "settled": FINDINGS_SETTLED_KEPT}
        for name, statuses in {"closed": ("closed",), "settled": _SETTLED}.items():
            old = sorted((one.changed_in, one.id) for one in after.values() if one.status in statuses)
            new |= dict.fromkeys((key for _, key in old[: max(len(old) - kept[name], 0)]), None)
        new = {key: one for key, one in new.items() if one is not None or key in self.findings}
        return {key: None if one is None else one.model_dump(mode="json") for key, one in new.items()}

    def head_of(self, report: CoherenceReport) -> dict[str, Any]:
        """The head under which this report is kept."""
        shown = report.model_dump(mode="json", exclude={"contradictions", "possible"})
        stored = [one.id for one in (*report.contradictions, *report.possible)][:FINDINGS_STORED_MAX]
        counts = min(len(report.contradictions), len(stored))
        shown["truncated"] = report.truncated or len(stored) < len(report.contradictions) + len(report.possible)
        return shown | {"contradictions": stored[:counts], "possible": stored[counts:]}
