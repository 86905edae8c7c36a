"""The board, ready made: its regions and their rules, its observer, its subclasses."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from accordant import Board, Denied, Engine, Firing, Guarded, Invalid, Log, SchemaError, Task, UnionSet, region
from accordant.types.regions import Kind
from source_tree import ROOT
from worlds import TASK, in_loop, world

worlds = pytest.mark.parametrize("kind", ["memory", "sqlite", "websocket"])


@worlds
@in_loop
async def test_each_region_has_its_rule(kind: str, tmp_path: Path) -> None:
    """Anybody adds hypotheses, evidence and questions, at once; conclusions have one writer, by name or by role."""
    async with world(kind, tmp_path / "a.db") as w:
        agents = [await w.open(Board, f"agent-{n}") for n in range(5)]
        await asyncio.gather(
            *(one.hypotheses.append(f"h {one.agent}") for one in agents),
            *(one.evidence.append({"by": one.agent}) for one in agents),
            *(one.open_questions.add("why?", f"who is {one.agent}?") for one in agents),
        )
        assert len((await agents[0].hypotheses.read()).value) == len((await agents[0].evidence.read()).value) == 5
        assert len((await agents[0].open_questions.read()).value) == 6
        for one in agents:
            with pytest.raises(Denied):
                await one.conclusions.append("mine")
        by_name = await w.open(Board, "synthesizer")
        by_role = await w.open(Board, "ann", roles=("synthesizer",))
        pretender = await w.open(Board, "role:synthesizer")
        await by_name.conclusions.append("first")
        await by_role.conclusions.append("second")
        with pytest.raises(Denied):
            await pretender.conclusions.append("third")
        assert [item.by for item in (await by_name.conclusions.read()).entries] == ["synthesizer", "ann"]


@worlds
@in_loop
async def test_an_observer_reads_and_follows_and_never_writes(kind: str, tmp_path: Path) -> None:
    """Reads, snapshots and events are there; every write, of every region, claims and transactions included, is denied."""
    async with world(kind, tmp_path / "a.db") as w:
        observer = await w.open(Board, "observer", read_only=True)
        web = await w.open(Board, "web")
        async with observer.events("evidence") as events:
            ref = await web.evidence.append("seen")
            assert (await asyncio.wait_for(anext(events), 20)).refs == (ref,)
        assert (await observer.snapshot())["evidence"].value == ["seen"]
        version = (await web.evidence.read()).version
        empty = await observer.tasks.read("one")
        attempts: list[Any] = [
            observer.hypotheses.append("x"),
            observer.evidence.append("x"),
            observer.conclusions.append("x"),
            observer.open_questions.add("x"),
            observer.open_questions.discard("x"),
            observer.firings.append(Firing("a", "because", 1, 1, 1)),
            observer.tasks.commit("one", Task(), expect=empty),
            observer.tasks.claim("one", 60),
            observer.retract(ref),
        ]
        for attempt in attempts:
            with pytest.raises(Denied):
                await attempt
        with pytest.raises(Denied):
            async with observer.claimed("one"):
                raise AssertionError
        with pytest.raises(Denied):
            async with observer.transaction() as tx:
                await tx.evidence.append("x")
        assert (await web.evidence.read()).version == version


class Clinic(Board):
    """Another type, another rule, another kind of one's own."""

    hypotheses: Log[str] = region(max_items=2)
    open_questions: UnionSet[str] = region(writers="role:doctor")
    conclusions: Log[Any] = region(writers="chief")
    patient: Guarded[str]


@in_loop
async def test_a_subclass_changes_what_it_names() -> None:
    """Types, bounds and writers of the subclass hold; what it does not name is as on every board."""
    assert list(Clinic.__schema__.regions) == [*Board.__schema__.regions, "patient"]
    async with Engine() as engine:
        chief = await engine.open(Clinic, TASK, "clinic", agent="chief")
        await chief.conclusions.append("flu")
        await chief.hypotheses.extend(["flu", "cold"])
        with pytest.raises(Invalid):
            await chief.hypotheses.append(3)  # type: ignore[arg-type]
        with pytest.raises(Denied):
            await chief.hypotheses.append("one too many")
        with pytest.raises(Denied):
            await chief.open_questions.add("since when?")
        synthesizer = await engine.open(Clinic, TASK, "clinic", agent="synthesizer")
        with pytest.raises(Denied):
            await synthesizer.conclusions.append("mine")
        async with chief.transaction() as tx:
            await tx.evidence.append("fever")
            await tx.patient.commit("ann", expect=await tx.patient.read())
        assert (await synthesizer.evidence.read()).version == (await synthesizer.patient.read()).version


def test_a_subclass_may_change_a_kind() -> None:
    """A region of another kind takes the place of the board's, and nonsense is refused where it is written."""

    class Guardedly(Board):
        conclusions: Guarded[str]  # type: ignore[assignment]

    assert Guardedly.__schema__.regions["conclusions"].kind is Kind.GUARDED
    assert (
        Guardedly.__schema__.regions["conclusions"].rules.writers
        == Board.__schema__.regions["conclusions"].rules.writers
    )
    with pytest.raises(SchemaError):

        class Nonsense(Board):
            events: Log[str]  # type: ignore[assignment]


def test_firings_survive_the_way_to_disk_and_back() -> None:
    """What is recorded of a firing is what was fired, whoever reads it."""

    async def main() -> None:
        async with Engine() as engine:
            doc = await engine.open(Board, TASK, "a", agent="scheduler")
            firing = Firing("critic", "because", 7, 5, 1_795_667_168_101, took_ms=3, scheduler="scheduler", group="g")
            await doc.firings.append(firing)
            assert (await doc.firings.read()).value == [firing]

    asyncio.run(main())


def test_twelve_specialists_solve_the_case() -> None:
    """The demonstration ends by its own assertions: who ran was decided by the board, and each firing says why."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "demos" / "board.py")], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "fired because" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("✓")
