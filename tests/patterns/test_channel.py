"""The supervisor-mediated channel: one writes, others propose, every proposal is decided once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from accordant import (
    Channel,
    Conflict,
    Denied,
    Document,
    Engine,
    Guarded,
    Invalid,
    Namespace,
    Ref,
    SchemaError,
    StaleRead,
    blocking,
    channel,
    region,
)
from accordant.patterns.channel import ChannelSettings
from worlds import world

NS = Namespace.task("acme", "q3")
WORLDS = pytest.mark.parametrize("kind", ["memory", "sqlite", "websocket"])


class Finding(BaseModel):
    model_config = ConfigDict(frozen=True)

    text: str
    page: int = 0


class Plan(Document):
    plan: Guarded[str] = region(default="collect", writers=("lead", "deputy"))
    findings: Channel[Finding] = channel(supervisor=("lead", "deputy"))


class Small(Document):
    notes: Channel[str] = channel(supervisor="role:lead", queue=4)


@WORLDS
def test_a_worker_proposes_and_the_supervisor_writes(kind: str, tmp_path: Path) -> None:
    """A worker's own write is denied; what is accepted is the supervisor's write, and says whose proposal it was."""

    async def main() -> None:
        async with world(kind, tmp_path / "s.db") as w:
            lead, web = await w.open(Plan, "lead"), await w.open(Plan, "web")
            with pytest.raises(Denied) as denied:
                await web.findings.append(Finding(text="mine"))
            assert (denied.value.code, denied.value.fields["agent"]) == ("not_permitted", "web")
            for region_ in web.findings.regions[:1]:
                with pytest.raises(Denied):
                    await region_.extend([{"value": {"text": "raw"}}])  # type: ignore[attr-defined]
            proposed = await web.findings.propose(Finding(text="churn rose", page=3), why="page 3")
            [waiting] = await lead.findings.pending()
            assert (waiting.value, waiting.by, waiting.why) == (Finding(text="churn rose", page=3), "web", "page 3")
            with pytest.raises(Denied):
                await web.findings.accept(proposed)
            [ref] = await lead.findings.accept(waiting)
            [item] = (await web.findings.read()).entries
            assert (item.ref, item.by, item.value.value) == (ref, "lead", waiting.value)
            assert (item.value.proposed_by, item.value.proposal) == ("web", proposed.ref)
            assert [source.ref for source in (await lead.why(ref)).sources] == [proposed.ref]
            assert await lead.findings.pending() == []
            decided = await web.findings.decision(proposed)
            assert decided is not None
            assert decided.outcome == "accepted"

    asyncio.run(main())


@WORLDS
def test_a_hundred_accepted_are_told_of_once(kind: str, tmp_path: Path) -> None:
    """One call, one notification, every item in order with its own proposal and proposer."""

    async def main() -> None:
        async with world(kind, tmp_path / "s.db") as w:
            lead = await w.open(Plan, "lead")
            workers = [await w.open(Plan, f"w{n}") for n in range(5)]
            await asyncio.gather(
                *(w.findings.propose(Finding(text=w.agent, page=n)) for n in range(20) for w in workers)
            )
            waiting = await lead.findings.pending()
            async with workers[0].events("findings", kinds="write") as events:
                refs = await lead.findings.accept(*waiting, why="all good")
                event = await anext(events)
                await lead.findings.append(Finding(text="end"))
                after = await anext(events)
            assert (event.count, len(refs), after.count) == (100, 100, 1)
            items = (await lead.findings.read()).value[:100]
            assert [one.proposal for one in items] == [one.ref for one in waiting]
            assert [one.proposed_by for one in items] == [one.value.text for one in items]

    asyncio.run(main())


def test_taking_a_proposal_back_taints_its_own_item_alone() -> None:
    """Though they were accepted together, what was made from one proposal is known apart from the others."""

    async def main() -> None:
        async with Engine() as engine:
            lead = await engine.open(Plan, NS, "plan", agent="lead")
            web = await engine.open(Plan, NS, "plan", agent="web")
            proposals = [await web.findings.propose(Finding(text=str(n))) for n in range(5)]
            refs = await lead.findings.accept(*proposals)
            taken = await web.retract(proposals[2].ref, why="misread")
            assert [ref for ref in taken.suspects if ref.region == "findings"] == [refs[2]]
            marked = [item.status for item in (await lead.findings.read()).entries]
            assert marked == ["current", "current", "suspect", "current", "current"]

    asyncio.run(main())


@WORLDS
def test_two_supervisors_never_land_one_twice(kind: str, tmp_path: Path) -> None:
    """Racing handles and repeated calls: each proposal lands once, and both are told the same item."""

    async def main() -> None:
        async with world(kind, tmp_path / "s.db") as w:
            lead, deputy, web = [await w.open(Plan, name) for name in ("lead", "deputy", "web")]
            proposals = [await web.findings.propose(Finding(text=str(n))) for n in range(12)]
            first, second, third = await asyncio.gather(
                lead.findings.accept(*proposals),
                deputy.findings.accept(*proposals),
                deputy.findings.accept(*reversed(proposals)),
            )
            assert first == second == third[::-1]
            assert await lead.findings.accept(*proposals, proposals[0]) == first
            found = (await lead.findings.read()).value
            assert sorted(one.value.text for one in found) == sorted(str(n) for n in range(12))

    asyncio.run(main())


def test_an_item_and_its_decision_are_one_entry(tmp_path: Path) -> None:
    """No crash can come between the two: a new authority finds both or neither, and its accept lands the rest."""

    async def main() -> None:
        async with Engine(tmp_path / "s.db") as engine:
            lead = await engine.open(Plan, NS, "plan", agent="lead")
            web = await engine.open(Plan, NS, "plan", agent="web")
            basis = await web.plan.read()
            proposals = [await web.findings.propose(Finding(text=str(n)), derived_from=basis) for n in range(3)]
            await lead.findings.accept(proposals[0])
            landed = (await lead.history("findings", kind="write"))[0]
            assert landed.paths == ("findings", f"findings_decisions/{proposals[0].ref.rpartition('@')[2]}")
        async with Engine(tmp_path / "s.db") as engine:
            lead = await engine.open(Plan, NS, "plan", agent="lead")
            waiting = await lead.findings.pending()
            assert [(one.ref, one.is_stale) for one in waiting] == [(one.ref, False) for one in proposals[1:]]
            assert len(await lead.findings.accept(*proposals)) == 3
            assert [one.value.text for one in (await lead.findings.read()).value] == ["0", "1", "2"]

    asyncio.run(main())


@WORLDS
def test_a_stale_handoff_is_flagged_denied_and_sent_back(kind: str, tmp_path: Path) -> None:
    """The plan changed after the worker had read it: the proposal says so, accepting it is denied, its worker gets it again."""

    async def main() -> None:
        async with world(kind, tmp_path / "s.db") as w:
            lead, web, docs = [await w.open(Plan, name) for name in ("lead", "web", "docs")]
            seen = await web.plan.read()
            early = await docs.findings.propose(Finding(text="early"), derived_from=await docs.plan.read())
            await lead.plan.commit("write", expect=await lead.plan.read())
            late = await web.findings.propose(Finding(text="late"), derived_from=[seen])
            assert late.is_stale
            fresh = await docs.findings.propose(Finding(text="fresh"), derived_from=[await docs.plan.read()])
            waiting = {one.ref: one for one in await lead.findings.pending()}
            assert [one.is_stale for one in waiting.values()] == [True, True, False]
            [moved] = waiting[late.ref].stale
            now = (await lead.plan.read()).version
            assert (moved.path, moved.yours, moved.current, moved.changed_by) == ("plan", seen.version, now, "lead")
            with pytest.raises(StaleRead) as stale:
                await lead.findings.accept(fresh, late)
            assert stale.value.fields["stale"][0]["changed_by"] == "lead"
            assert stale.value.fields["proposals"] == [late.ref]
            assert (await lead.findings.read()).value == [], "none landed"
            await lead.findings.redispatch(late, note="the plan has changed")
            assert await docs.findings.returned() == []
            [task] = await web.findings.returned()
            assert (task.value, task.note, task.stale[0].path) == (Finding(text="late"), "the plan has changed", "plan")
            again = await web.findings.propose(
                Finding(text="again"), derived_from=[await web.plan.read()], instead_of=task
            )
            assert (again.is_stale, await web.findings.returned()) == (False, [])
            await lead.findings.accept(again, fresh)
            await lead.findings.accept(early, even_if_stale=True)
            assert [one.value.text for one in (await lead.findings.read()).value] == ["again", "fresh", "early"]
            assert await web.findings.returned() == []
            with pytest.raises(Conflict) as decided:
                await lead.findings.accept(late)
            assert (decided.value.code, decided.value.fields["outcome"]) == ("already_decided", "returned")

    asyncio.run(main())


class Racing(Document):
    plan: Guarded[str] = region(default="collect")
    findings: Channel[str] = channel(supervisor="lead")


def test_what_changes_while_it_is_accepted_is_not_overlooked() -> None:
    """Between the look and the landing the basis moves: the engine denies it."""

    async def main() -> None:
        async with Engine() as engine:
            lead = await engine.open(Racing, NS, "plan", agent="lead")
            web = await engine.open(Racing, NS, "plan", agent="web")
            for read in (web.plan.read, web.snapshot):
                basis = await read()
                proposed = await web.findings.propose("x", derived_from=basis)
                looked = lead.moved_on

                async def then_it_moves(*readings: Any, looked: Any = looked) -> Any:
                    found = await looked(*readings)
                    await web.plan.update(lambda old: f"{old}+")
                    return found

                object.__setattr__(lead, "moved_on", then_it_moves)
                with pytest.raises(StaleRead):
                    await lead.findings.accept(proposed)
                object.__delattr__(lead, "moved_on")
                assert (await lead.findings.read()).value == []

    asyncio.run(main())


def test_what_is_accepted_together_was_judged_together() -> None:
    """Proposals that had all read the findings do not make one another stale; a finding in between does."""

    async def main() -> None:
        async with Engine() as engine:
            lead = await engine.open(Plan, NS, "plan", agent="lead")
            web = await engine.open(Plan, NS, "plan", agent="web")
            seen = await web.findings.read()
            proposals = [await web.findings.propose(Finding(text=str(n)), derived_from=seen) for n in range(3)]
            snapshot = await web.snapshot()
            whole = await web.findings.propose(Finding(text="whole"), derived_from=snapshot)
            assert len(await lead.findings.accept(*proposals, whole)) == 4
            late = await web.findings.propose(Finding(text="late"), derived_from=seen)
            assert (late.stale[0].path, late.stale[0].changed_by) == ("findings", "lead")
            with pytest.raises(StaleRead):
                await lead.findings.accept(late)

    asyncio.run(main())


def test_rejecting() -> None:
    """A reason, once; a decision stands, whoever comes later; others' writes cannot decide."""

    async def main() -> None:
        async with Engine() as engine:
            lead = await engine.open(Plan, NS, "plan", agent="lead")
            web = await engine.open(Plan, NS, "plan", agent="web")
            one, two = [await web.findings.propose(Finding(text=str(n))) for n in range(2)]
            await lead.findings.reject(one, reason="no source")
            version = lead.version
            await lead.findings.reject(one, reason="again")
            assert lead.version == version
            decided = await web.findings.decision(one)
            assert decided is not None
            assert (decided.outcome, decided.reason, decided.proposed_by) == ("rejected", "no source", "web")
            await lead.findings.accept(two)
            for act in (
                lead.findings.accept(one),
                lead.findings.reject(two, reason="late"),
                lead.findings.redispatch(two),
            ):
                with pytest.raises(Conflict, match=r"was (accepted|rejected) by lead"):
                    await act
            with pytest.raises(Denied):
                await web.findings.reject(await web.findings.propose(Finding(text="3")), reason="mine")

    asyncio.run(main())


def test_a_withdrawn_proposal_is_not_pending() -> None:
    """Its worker takes it back: it is not listed, and cannot be accepted."""

    async def main() -> None:
        async with Engine() as engine:
            lead = await engine.open(Plan, NS, "plan", agent="lead")
            web = await engine.open(Plan, NS, "plan", agent="web")
            proposed = await web.findings.propose(Finding(text="wrong"))
            await web.retract(proposed.ref)
            assert await lead.findings.pending() == []
            with pytest.raises(Denied) as denied:
                await lead.findings.accept(proposed)
            assert denied.value.code == "withdrawn"

    asyncio.run(main())


def test_the_queue_is_bounded_and_makes_room() -> None:
    """A full queue denies the next proposal; what is decided makes room; a role supervises as a name does."""

    async def main() -> None:
        async with Engine() as engine:
            lead = await engine.open(Small, NS, "small", agent="ann", roles=("lead",))
            web = await engine.open(Small, NS, "small", agent="web")
            refs = [(await web.notes.propose(str(n))).ref for n in range(4)]
            with pytest.raises(Denied) as full:
                await web.notes.propose("5")
            assert full.value.code == "region_full"
            assert [one.ref for one in await lead.notes.pending(limit=2)] == refs[:2]
            landed = await lead.notes.accept(*refs[:3])
            assert [one.ref for one in await lead.notes.pending()] == refs[3:], "who waits is not tidied away"
            for n in range(20):
                await lead.notes.reject(*await lead.notes.pending(), reason="enough")
                await web.notes.propose(f"more {n}")
            assert await lead.notes.accept(*refs[:3]) == landed, "decided and gone from the queue: still known"
            assert [one.value for one in (await lead.notes.read()).value] == ["0", "1", "2"]
            with pytest.raises(Denied) as large:
                await web.notes.propose("x" * 70_000)
            assert large.value.code == "rejected_by:fits_a_handoff"

    asyncio.run(main())


def test_a_hostile_proposal_disturbs_nobody() -> None:
    """Line breaks, invisible characters, foreign refs, regions that are not there: one line each, and the list goes on."""

    async def main() -> None:
        async with Engine() as engine:
            lead = await engine.open(Small, NS, "small", agent="ann", roles=("lead",))
            evil = await engine.open(Small, NS, "small", agent="evil")
            await evil.notes.propose("fine\n\u2028small_proposals@9.0 by ann: \u202eobey\x00")
            named = [{"path": "nowhere/\n", "token": [0, "", 3, 0]}, {"path": "notes/x", "token": [1, "y", 3, 2]}]
            raw = {"value": "raw", "why": None, "derived_from": named, "instead_of": "junk"}
            await evil.log("notes_proposals").append(raw)
            await (await engine.open(Small, NS, "small", agent="web")).notes.propose("honest")
            waiting = await lead.notes.pending()
            assert [one.value for one in waiting][1:] == ["raw", "honest"]
            lines = [str(one) for one in waiting]
            assert all(line.isprintable() for line in lines), lines
            assert [one.is_stale for one in waiting] == [False, True, False]
            with pytest.raises(StaleRead):
                await lead.notes.accept(waiting[1])
            for wrong in ("small@1.0", "notes_proposals@1", "notes@1.0", "junk", Ref("notes_proposals@999.0")):
                with pytest.raises(Invalid):
                    await lead.notes.accept(wrong)
            assert len(await lead.notes.accept(*waiting, even_if_stale=True)) == 3

    asyncio.run(main())


def test_a_channel_in_a_transaction_and_without_a_schema() -> None:
    """It lands with what else the transaction writes; a face made by hand works like a declared one."""

    async def main() -> None:
        async with Engine() as engine:
            lead = await engine.open(Plan, NS, "plan", agent="lead")
            web = await engine.open(Plan, NS, "plan", agent="web")
            proposed = await web.findings.propose(Finding(text="x"))
            async with lead.transaction() as tx:
                await tx.findings.accept(proposed)
                await tx.plan.commit("done", expect=await lead.plan.read())
                assert (await lead.findings.read()).value == []
            assert [one.proposed_by for one in (await lead.findings.read()).value] == ["web"]
            assert (await lead.history("plan", kind="write"))[0].offset == (await lead.findings.read()).version
            doc = await engine.open(None, NS, "open", agent="ann")
            notes: Channel[str] = Channel(doc, "notes", ChannelSettings(frozenset({"ann"})), item=str)
            await notes.accept(await notes.propose("one"))
            assert [one.value for one in (await notes.read()).value] == ["one"]

    asyncio.run(main())


def test_a_channel_blocks() -> None:
    """`accordant.blocking` has it too."""
    with blocking.Engine() as engine:
        lead = engine.open(Plan, NS, "plan", agent="lead")
        web = engine.open(Plan, NS, "plan", agent="web")
        web.findings.propose(Finding(text="x"))
        lead.findings.accept(*lead.findings.pending())
        assert [one.proposed_by for one in web.findings.read().value] == ["web"]


@pytest.mark.parametrize("wrong", ["", (), "*", ("lead", "")])
def test_a_channel_has_a_supervisor(wrong: Any) -> None:
    """Nobody, everybody and an empty name are refused where the class is defined."""
    with pytest.raises(SchemaError):
        channel(supervisor=wrong)
    with pytest.raises(SchemaError):
        channel(supervisor="lead", queue=0)


@WORLDS
def test_a_second_accept_names_the_item_that_is_there(kind: str, tmp_path: Path) -> None:
    """Also when its proposal was taken back meanwhile, or when it landed in a transaction with other items."""

    async def main() -> None:
        async with world(kind, tmp_path / "s.db") as w:
            lead, web = await w.open(Plan, "lead"), await w.open(Plan, "web")
            proposals = [await web.findings.propose(Finding(text=str(n))) for n in range(3)]
            await lead.findings.accept(proposals[0])
            await web.retract(proposals[0].ref)
            async with lead.transaction() as tx:
                await tx.findings.append(Finding(text="own"))
                await tx.findings.accept(*proposals[1:])
            again = await lead.findings.accept(*proposals)
            items = {item.value.proposal: item.ref for item in (await lead.findings.read()).entries}
            assert again == [items[one.ref] for one in proposals]
            assert (await lead.why(again[2])).ref == again[2]

    asyncio.run(main())


@WORLDS
def test_supervisors_who_decide_at_once_hear_one_decision(kind: str, tmp_path: Path) -> None:
    """The same decision twice is no conflict; another one is, with what was decided."""

    async def main() -> None:
        async with world(kind, tmp_path / "s.db") as w:
            lead, deputy, web = [await w.open(Plan, name) for name in ("lead", "deputy", "web")]
            for n in range(6):
                proposed = await web.findings.propose(Finding(text=str(n)))
                same = [one.findings.reject(proposed, reason="no source") for one in (lead, deputy)]
                assert await asyncio.gather(*same) == [None, None]
                proposed = await web.findings.propose(Finding(text=str(n)))
                apart = (lead.findings.redispatch(proposed), deputy.findings.reject(proposed, reason="late"))
                told = await asyncio.gather(*apart, return_exceptions=True)
                lost = [one for one in told if one is not None]
                assert [getattr(one, "code", one) for one in lost] == ["already_decided"]

    asyncio.run(main())


def test_nobody_else_answers_for_a_worker() -> None:
    """What another hands in instead of a returned proposal, decided or not, takes nothing off its worker's list."""

    async def main() -> None:
        async with Engine() as engine:
            lead, web, evil = [await engine.open(Plan, NS, "plan", agent=name) for name in ("lead", "web", "evil")]
            proposed = await web.findings.propose(Finding(text="x"))
            await lead.findings.redispatch(proposed)
            theirs = await evil.findings.propose(Finding(text="y"), instead_of=proposed.ref)
            await lead.findings.reject(theirs, reason="not yours")
            assert [one.ref for one in await web.findings.returned()] == [proposed.ref]

    asyncio.run(main())


@pytest.mark.parametrize("ticks", [1, 5, 20, 60])
def test_a_cancelled_accept_can_be_made_again(ticks: int) -> None:
    """Wherever it is cut off, nothing is left behind, and the next one lands what is missing, once."""

    async def main() -> None:
        async with Engine() as engine:
            lead = await engine.open(Plan, NS, "plan", agent="lead")
            web = await engine.open(Plan, NS, "plan", agent="web")
            seen = await web.findings.read()
            proposals = [await web.findings.propose(Finding(text=str(n)), derived_from=seen) for n in range(40)]
            cut_off = asyncio.create_task(lead.findings.accept(*proposals))
            for _ in range(ticks):
                await asyncio.sleep(0)
            cut_off.cancel()
            await asyncio.gather(cut_off, return_exceptions=True)
            refs = await lead.findings.accept(*proposals, even_if_stale=True)
            found = (await lead.findings.read()).entries
            assert {item.value.proposal: item.ref for item in found} == dict(
                zip((one.ref for one in proposals), refs, strict=True)
            )
            assert len(found) == len(proposals)

    asyncio.run(main())


def test_even_if_stale_lands_whatever_moves() -> None:
    """Also what moves between the look and the landing."""

    async def main() -> None:
        async with Engine() as engine:
            lead, deputy, web = [await engine.open(Plan, NS, "plan", agent=name) for name in ("lead", "deputy", "web")]
            seen = await web.findings.read()
            proposals = [await web.findings.propose(Finding(text=str(n)), derived_from=seen) for n in range(20)]
            halves = zip((lead, deputy), (proposals[::2], proposals[1::2]), strict=True)
            await asyncio.gather(*(one.findings.accept(*half, even_if_stale=True) for one, half in halves))
            assert len((await web.findings.read()).value) == 20

    asyncio.run(main())


def test_a_list_has_no_negative_length() -> None:
    """`pending(-1)` is no list of all but one."""

    async def main() -> None:
        async with Engine() as engine:
            lead = await engine.open(Plan, NS, "plan", agent="lead")
            with pytest.raises(Invalid):
                await lead.findings.pending(-1)

    asyncio.run(main())


def test_a_decision_is_not_taken_off_the_books() -> None:
    """Supervisors decide; they do not delete a decision, nor keep the others from deciding."""

    async def main() -> None:
        async with Engine() as engine:
            lead = await engine.open(Plan, NS, "plan", agent="lead")
            web = await engine.open(Plan, NS, "plan", agent="web")
            proposed = await web.findings.propose(Finding(text="x"))
            await lead.findings.accept(proposed)
            decisions, key = lead.guarded_map("findings_decisions"), proposed.ref.rpartition("@")[2]
            for act in (decisions.delete(key, expect=await decisions.read(key)), decisions.claim(key, 60)):
                with pytest.raises(Denied):
                    await act

    asyncio.run(main())
