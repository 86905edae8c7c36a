"""The interleavings that lose updates, played on any store, and what came of each. Prints nothing, waits for no race.

No single call can see a lost update: every write is right for the version that its writer had read. So each
interleaving is played move by move, always in the same order; the verdict comes from what is in the store afterwards.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from accordant.testing.stage import Stage, Subject, Unusable, shown

__all__ = ["INTERLEAVINGS", "Finding", "Interleaving", "Verdict", "judge", "play", "update_lost"]

RECORD: Mapping[str, Any] = {"account": "acme", "plan": "pro", "status": "active", "usage": 41}
"""What all agents see at first. The enrichment agent will change the usage, the triage agent the status."""

REBORN: Mapping[str, Any] = {"account": "acme", "plan": "trial", "status": "new", "usage": 0}
"""The record that takes the deleted one's place: a different customer's, under the same key."""


class Verdict(StrEnum):
    """What came of one interleaving."""

    LOST = "LAST WRITER WINS (update lost)"
    DROPPED = "WRITE DROPPED (update lost)"  # reported as success, and is not there
    NOT_FENCED = "NOT FENCED (late write landed)"  # nothing is lost yet, but a replaced writer still writes
    DETECTED = "DETECTED (conflict raised)"
    MERGED = "MERGED"
    NOT_TESTABLE = "not testable"

    @property
    def loses(self) -> bool:
        """Whether somebody's accepted update is gone."""
        return self in (Verdict.LOST, Verdict.DROPPED)


@dataclass(frozen=True, slots=True)
class Finding:
    """One interleaving's verdict, the sentence that explains it, and the moves that led there."""

    interleaving: str
    question: str
    verdict: Verdict
    detail: str
    moves: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON values; `code` is the verdict's stable name."""
        return {
            "interleaving": self.interleaving,
            "question": self.question,
            "verdict": self.verdict.value,
            "code": self.verdict.name.lower(),
            "detail": self.detail,
            "moves": list(self.moves),
        }


Judgement = tuple[Verdict, str]


def judge(refusal: str | None, *, theirs_kept: bool, mine_landed: bool) -> Judgement:
    """The verdict on a write derived from an outdated reading, from what is in the store afterwards.

    The store's word alone counts for nothing: a refusal that erased the other's update is a loss too, and so is a
    success that left no trace.
    """
    if not theirs_kept:
        said = "refused" if refusal is not None else "accepted"
        return Verdict.LOST, f"the write was {said} and the other agent's update is gone"
    if refusal is not None:
        return Verdict.DETECTED, refusal
    if not mine_landed:
        return Verdict.DROPPED, "the write was accepted, raised nothing, and is not there"
    return Verdict.MERGED, "both updates are in the record"


async def lost_update(stage: Stage) -> Judgement:
    """Two agents read; the second writes; the first writes back the whole record that it derived from the old one."""
    mine, theirs = await stage.read("enrichment"), await stage.read("triage")
    await stage.must(stage.write("triage", theirs, status="churned"))
    refusal = await stage.write("enrichment", mine, usage=57)
    final = await stage.final()
    return judge(refusal, theirs_kept=final.get("status") == "churned", mine_landed=final.get("usage") == 57)


async def aba(stage: Stage) -> Judgement:
    """The record changes and changes back. Who compares values sees nothing; who compares versions does."""
    mine = await stage.read("enrichment")
    await stage.must(stage.write("triage", await stage.read("triage"), status="churned"))
    await stage.must(stage.write("triage", await stage.read("triage"), status="active"))
    refusal = await stage.write("enrichment", mine, usage=57)
    final = await stage.final()
    if refusal is None and final.get("usage") == 57 and not stage.merges:
        return Verdict.LOST, "the write landed over two updates that its writer had not seen"
    return judge(refusal, theirs_kept=final.get("status") == "active", mine_landed=final.get("usage") == 57)


async def recreated(stage: Stage) -> Judgement:
    """The record is deleted and another one takes its key; then the old one's reader writes."""
    if not stage.subject.can_delete:
        return Verdict.NOT_TESTABLE, "the store offers no delete"
    mine = await stage.read("enrichment")
    await stage.must(stage.delete("triage", await stage.read("triage")))
    await stage.must(stage.write("triage", await stage.read("triage"), **REBORN))
    refusal = await stage.write("enrichment", mine, usage=57)
    final = await stage.final()
    kept = (final.get("plan"), final.get("status")) == (REBORN["plan"], REBORN["status"])
    return judge(refusal, theirs_kept=kept, mine_landed=final.get("usage") == 57)


async def late_writer(stage: Stage) -> Judgement:
    """A writer is replaced under its own name, then wakes. The version that it read is still the current one."""
    late = await stage.read("enrichment")
    await stage.enter("successor", under="enrichment")
    taken_over = await stage.read("successor")
    refusal = await stage.write("enrichment", late, usage=57)
    refusal_of_successor = await stage.write("successor", taken_over, status="churned")
    final = await stage.final()
    late_landed, successor_landed = final.get("usage") == 57, final.get("status") == "churned"
    if refusal is None and refusal_of_successor is not None and late_landed:
        return Verdict.NOT_FENCED, f"the replaced writer's update stands; its successor's: {refusal_of_successor}"
    if refusal is not None and (successor_landed or refusal_of_successor is not None):
        return Verdict.DETECTED, refusal
    kept = late_landed or refusal is not None
    return judge(refusal_of_successor, theirs_kept=kept, mine_landed=successor_landed)


async def restarted(stage: Stage) -> Judgement:
    """The store restarts between a read and its write, and another agent writes first. A version must not come back."""
    if not stage.subject.can_restart:
        return Verdict.NOT_TESTABLE, "the store cannot be restarted from here"
    mine = await stage.read("enrichment")
    await stage.restart()
    await stage.must(stage.write("triage", await stage.read("triage"), status="churned"))
    refusal = await stage.write("enrichment", mine, usage=57)
    final = await stage.final()
    return judge(refusal, theirs_kept=final.get("status") == "churned", mine_landed=final.get("usage") == 57)


@dataclass(frozen=True, slots=True)
class Interleaving:
    """One order of moves that a store may get wrong."""

    name: str
    question: str
    run: Callable[[Stage], Awaitable[Judgement]]


INTERLEAVINGS: Sequence[Interleaving] = (
    Interleaving("lost update", "does a write check which version its writer had read?", lost_update),
    Interleaving("changed and changed back", "does it compare versions rather than values?", aba),
    Interleaving("deleted and created again", "is a version ever reused under the same key?", recreated),
    Interleaving("late writer", "can a writer that was replaced still write?", late_writer),
    Interleaving("restart", "does a reading from before a restart still count?", restarted),
)


async def play(subject: Subject, run_id: str) -> list[Finding]:
    """Play every interleaving, each on a key of its own; raises `Unusable` when the store cannot keep a record at all.

    `run_id` keeps these keys apart from everything else in the store; where the store can delete, they are removed.
    """
    findings: list[Finding] = []
    merges = False
    for number, interleaving in enumerate(INTERLEAVINGS):
        stage = Stage(subject, f"accordant-probe-{run_id}-{number}", merges)
        await _set(stage)
        try:
            verdict, detail = await interleaving.run(stage)
        except Unusable as obstacle:
            verdict, detail = Verdict.NOT_TESTABLE, str(obstacle)
        merges = merges or (interleaving.run is lost_update and verdict is Verdict.MERGED)
        findings.append(Finding(interleaving.name, interleaving.question, verdict, detail, tuple(stage.moves)))
        if subject.can_delete and (left := await stage.read("auditor")).value is not None:
            await stage.delete("auditor", left)
    return findings


def update_lost(findings: Sequence[Finding]) -> bool:
    """Whether any interleaving lost an update."""
    return any(finding.verdict.loses for finding in findings)


async def _set(stage: Stage) -> None:
    """Put the record in place and see it there: a store that cannot do this would look as if it detected everything."""
    await stage.must(stage.write("owner", await stage.read("owner"), **RECORD))
    found = await stage.final()
    if dict(found) != dict(RECORD):
        raise Unusable(f"a record was written and {shown(found)} was read back")
    stage.moves.clear()
