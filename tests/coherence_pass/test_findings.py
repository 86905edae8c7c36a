"""Findings kept in the document: whole reports or none, settled with a reason, silent until a side changes, in nobody's way."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from accordant import Conflict, Document, Engine, EventKind, Guarded, Invalid, Log, Namespace
from accordant.coherence_pass import Checker, CoherenceReport
from accordant.coherence_pass.findings import Findings
from accordant.coherence_pass.from_outline import passages_of_outline
from accordant.coherence_pass.lifecycle import HEAD, Kept
from accordant.types.coherence_limits import FINDINGS_CLOSED_KEPT, FINDINGS_STORED_MAX
from accordant.types.regions import Kind
from worlds import EmbeddedWorld, in_loop, world


class Brief(Document):
    status: Guarded[str]
    findings: Log[str]


KINDS = ("memory", "sqlite", "websocket")
LOW, HIGH = "Churn in Q3 was 4.1%.", "Churn in Q3 was 6.3%."


async def passed(doc: Document) -> CoherenceReport:
    """One pass, published."""
    findings = Findings(doc)
    outline = await doc.outline()
    checker = Checker().settling((await findings.read()).suppressed)
    report = checker.run(passages_of_outline(outline), document_id=doc.key.path, version=outline["version"])
    await findings.publish(report)
    return report


async def trio(place: EmbeddedWorld) -> tuple[Brief, Brief, Brief]:
    """Two writers and a checker."""
    ann, bob, checker = [await place.open(Brief, agent) for agent in ("ann", "bob", "checker")]
    await ann.findings.append(LOW)
    await bob.findings.append(HIGH)
    return ann, bob, checker


@pytest.mark.parametrize("kind", KINDS)
@in_loop
async def test_a_report_is_kept_whole_in_one_entry(kind: str, tmp_path: Path) -> None:
    """What was published is read back as the same report, was one entry by the checker, and was told as a contradiction."""
    async with world(kind, tmp_path / "a.db") as place:
        ann, _, checker = await trio(place)
        async with ann.events(kinds=EventKind.CONTRADICTION) as events:
            report = await passed(checker)
            event = await asyncio.wait_for(anext(events), 20)
        assert not report.coherent
        assert (event.kind, event.actor) == (EventKind.CONTRADICTION, "checker")
        assert (await Findings(ann).read()).report() == report
        entries = [one for one in await ann.history("coherence") if one.ops]
        assert [one.actor for one in entries] == ["checker"]
        assert {op.path for op in entries[0].ops} == {f"coherence/{report.contradictions[0].id}", "coherence/report"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("act", ["resolve", "dismiss"])
@in_loop
async def test_what_is_settled_is_silent_until_a_side_changes(kind: str, act: str, tmp_path: Path) -> None:
    """A settled finding is gone from the report and later passes, with who and why on record; a changed side is a new one."""
    async with world(kind, tmp_path / "a.db") as place:
        ann, bob, checker = await trio(place)
        (found,) = (await passed(checker)).contradictions
        settled = await getattr(Findings(bob), act)(found.id, "two definitions of churn")
        assert (settled.by, settled.why) == ("bob", "two definitions of churn")
        (entry,) = [one for one in await bob.history(f"coherence/{found.id}", actor="bob") if one.ops]
        assert entry.why == "two definitions of churn"
        report = (await Findings(ann).read()).report()
        assert report is not None
        assert report.coherent
        again = await passed(checker)
        assert (again.coherent, again.n_suppressed) == (True, 1)
        await bob.findings.append(HIGH.replace("6.3", "7.3"))
        changed = await passed(checker)
        assert [one.id == found.id for one in changed.contradictions] == [False]


@in_loop
async def test_settling_settles_every_pair_of_the_cause() -> None:
    """A number that two statements contradict is settled once: no other pair of the same cause comes up instead."""
    async with Engine() as engine:
        doc = await engine.open(Brief, Namespace.task("acme", "q3"), "brief", agent="ann")
        for text in (LOW, "In Q3 churn was 4.1%.", HIGH):
            await doc.findings.append(text)
        (found,) = (await passed(doc)).contradictions
        await Findings(doc).dismiss(found.id, "different markets")
        assert (await passed(doc)).coherent


@in_loop
async def test_what_is_no_longer_found_is_closed_and_opens_again() -> None:
    """A retracted side closes the finding; the same two statements again open it again."""
    async with Engine() as engine:
        doc = await engine.open(Brief, Namespace.task("acme", "q3"), "brief", agent="ann")
        await doc.findings.append(LOW)
        wrong = await doc.findings.append(HIGH)
        (found,) = (await passed(doc)).contradictions
        await doc.retract(wrong, "misread")
        assert (await passed(doc)).coherent
        kept = await Findings(doc).read()
        assert [(one.id, one.status) for one in kept.findings.values()] == [(found.id, "closed")]
        await doc.findings.append(HIGH)
        assert not (await passed(doc)).coherent
        assert (await Findings(doc).read()).findings[found.id].status == "open"


@in_loop
async def test_settling_is_refused_without_a_reason_or_a_finding() -> None:
    """No reason, no such finding, or one that is settled already: typed errors, and nothing is written."""
    async with Engine() as engine:
        doc = await engine.open(Brief, Namespace.task("acme", "q3"), "brief", agent="ann")
        await doc.findings.append(LOW)
        await doc.findings.append(HIGH)
        (found,) = (await passed(doc)).contradictions
        findings = Findings(doc)
        with pytest.raises(Invalid, match="why"):
            await findings.dismiss(found.id, " ")
        with pytest.raises(Invalid, match="no finding"):
            await findings.dismiss("0" * 16, "because")
        await findings.dismiss(found.id, "because")
        with pytest.raises(Conflict, match="dismissed already by ann"):
            await findings.resolve(found.id, "because")


@in_loop
async def test_a_settlement_that_comes_between_is_kept() -> None:
    """A report that was made before somebody dismissed a finding does not open it again."""
    async with Engine() as engine:
        doc = await engine.open(Brief, Namespace.task("acme", "q3"), "brief", agent="ann")
        await doc.findings.append(LOW)
        await doc.findings.append(HIGH)
        report = await passed(doc)
        await Findings(doc).dismiss(report.contradictions[0].id, "because")
        await Findings(doc).publish(report)
        kept = await Findings(doc).read()
        assert kept.findings[report.contradictions[0].id].status == "dismissed"
        shown = kept.report()
        assert shown is not None
        assert shown.coherent


@in_loop
async def test_findings_stand_in_nobodys_way() -> None:
    """A write that was derived from a whole snapshot lands although a report was published meanwhile (I10)."""
    async with Engine() as engine:
        doc = await engine.open(Brief, Namespace.task("acme", "q3"), "brief", agent="ann")
        checker = await engine.open(Brief, Namespace.task("acme", "q3"), "brief", agent="checker")
        await doc.findings.append(LOW)
        await doc.findings.append(HIGH)
        snapshot = await doc.snapshot()
        await passed(checker)
        await doc.status.commit("done", expect=snapshot["status"], derived_from=snapshot)
        assert "coherence" not in (await doc.snapshot()).render()


@in_loop
async def test_a_plain_peer_cannot_forge_findings() -> None:
    """The region is guarded in every schema: it is written by commits, never by a merge."""
    async with Engine() as engine:
        for cls in (Brief, None):
            doc = await engine.open(cls, Namespace.task("acme", "q3"), f"brief-{cls}", agent="ann")  # type: ignore[arg-type]
            with pytest.raises(Invalid, match="guarded_map"):
                doc.log("coherence")
            assert doc.schema.region("coherence").kind is Kind.GUARDED_MAP


def numbers(count: int) -> CoherenceReport:
    """A report with so many contradictions."""
    from .support import check

    return check(*(f"Tool n{n} costs {price} dollars." for n in range(count) for price in (10, 25)))


def test_no_more_findings_are_kept_than_fit_one_entry() -> None:
    """Beyond the bound findings are counted only, and the kept report says that it is truncated."""
    report = numbers(FINDINGS_STORED_MAX + 5)
    assert len(report.contradictions) == FINDINGS_STORED_MAX + 5
    changes = Kept().changes(report)
    head = Kept().head_of(report)
    assert len(changes) == len(head["contradictions"]) == FINDINGS_STORED_MAX
    assert head["truncated"]


def test_closed_findings_are_forgotten_in_time() -> None:
    """Of closed findings the newest stay; the others are deleted."""
    report = numbers(FINDINGS_CLOSED_KEPT + 20)
    values: dict[str, Any] = {**Kept().changes(report), HEAD: Kept().head_of(report)}
    changes = Kept.of(values).changes(numbers(1).model_copy(update={"version": 999}))
    assert sum(value is None for value in changes.values()) == 19
    assert sum(value is not None for value in changes.values()) == FINDINGS_CLOSED_KEPT


def test_a_truncated_report_closes_nothing() -> None:
    """What a cut pass did not find may be where it did not look."""
    values: dict[str, Any] = Kept().changes(numbers(3))
    assert Kept.of(values).changes(numbers(1).model_copy(update={"truncated": True})) == {}
    assert len(Kept.of(values).changes(numbers(1))) == 2


def test_what_is_no_record_is_passed_over() -> None:
    """Whatever else somebody has put into the region hurts nobody."""
    kept = Kept.of({"report": {"version": "x"}, "a": 3, "b": {"id": "c"}, **Kept().changes(numbers(1))})
    assert (kept.head, len(kept.findings)) == (None, 1)
